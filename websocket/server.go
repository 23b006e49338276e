package websocket

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"
)

// Config configures a Server. Zero values take the defaults in brackets.
type Config struct {
	MaxMessage int64         // bytes of the largest message accepted; a larger one closes with TooBig [1,000,000]
	Queue      int           // frames that may wait for one connection [16,384]
	QueueBytes int           // bytes that may wait for one connection [4 MiB]
	Pings      int           // pings of a peer that are answered in 10 s; one more closes with Codes.Flooding [100]
	WriteWait  time.Duration // how long one write may take [10s]
	PingPeriod time.Duration // interval of pings to the peer [0: none]
	PongWait   time.Duration // how long a connection lives without a pong; longer than PingPeriod [0: for ever]

	Codes       Codes
	CheckOrigin func(*http.Request) bool // nil allows every origin
	Log         *slog.Logger             // nil is slog.Default
}

func (c Config) withDefaults() Config {
	c.MaxMessage = cmp.Or(c.MaxMessage, 1_000_000)
	c.Queue = cmp.Or(c.Queue, 16_384)
	c.QueueBytes = cmp.Or(c.QueueBytes, 4<<20)
	c.Pings = cmp.Or(c.Pings, DefaultControls)
	c.WriteWait = cmp.Or(c.WriteWait, 10*time.Second)
	c.Codes = c.Codes.WithDefaults()
	if c.CheckOrigin == nil {
		c.CheckOrigin = func(*http.Request) bool { return true }
	}
	c.Log = cmp.Or(c.Log, slog.Default())
	return c
}

var (
	// ErrClosed says that the server accepts no connections any more, or that the connection has ended.
	ErrClosed = errors.New("the connection or the server is closed")
	// ErrHeaders refuses a request for which HeadersTooLarge is true.
	ErrHeaders = errors.New("the request's headers are too large")
)

// Handler handles one connection. The connection's own goroutine calls it, one call at a time.
type Handler interface {
	// Open is called first. Frames that it sends are the first that the peer gets.
	Open(c *Conn)
	// Message is called with each message of the peer, until Close is called. The handler may keep data. Text is valid UTF-8.
	Message(c *Conn, data []byte, binary bool)
	// Closed is called last, exactly once after Open. The cause is a CloseCode if this side closed, a *PeerClose if the peer did,
	// or the error that ended the connection.
	Closed(c *Conn, cause error)
}

// Server upgrades requests and holds the connections. All methods may be called concurrently.
type Server struct {
	config  Config
	melody  *melody.Melody
	flusher flusher

	mu     sync.Mutex
	conns  map[*Conn]struct{}
	closed bool
	idle   chan struct{} // closed when the server is closed and no connection is left
}

// New creates a server without connections.
func New(config Config) *Server {
	config = config.withDefaults()
	s := &Server{config: config, melody: newMelody(config), conns: map[*Conn]struct{}{}, idle: make(chan struct{})}
	s.melody.HandleConnect(func(m *melody.Session) { connOf(m).onConnect(m) })
	s.melody.HandleMessage(func(m *melody.Session, data []byte) { connOf(m).onMessage(data, false) })
	s.melody.HandleMessageBinary(func(m *melody.Session, data []byte) { connOf(m).onMessage(data, true) })
	s.melody.HandleError(func(m *melody.Session, err error) { connOf(m).onError(err) })
	s.melody.HandleDisconnect(func(m *melody.Session) { connOf(m).onDisconnect() })
	return s
}

// IsUpgrade reports whether a request asks for a WebSocket.
func IsUpgrade(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// Serve upgrades the request and returns, so that net/http releases its buffers. From then on h handles the connection. When Serve
// returns an error, the request has been answered (400, 403 or 405 by Melody, 431 with ErrHeaders, 503 with ErrClosed) and h is not
// called.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, h Handler) error {
	if HeadersTooLarge(r) {
		http.Error(w, ErrHeaders.Error(), http.StatusRequestHeaderFieldsTooLarge)
		return ErrHeaders
	}
	c := &Conn{server: s, handler: h, upgraded: make(chan error, 1)}
	if !s.add(c) {
		http.Error(w, ErrClosed.Error(), http.StatusServiceUnavailable)
		return ErrClosed
	}
	go func() {
		defer s.remove(c)
		c.run(w, r)
	}()
	return <-c.upgraded
}

// Close accepts no more connections, closes all connections with the code, and waits until every Closed has returned. When ctx ends
// first, the remaining connections are cut and Close returns the context's error without waiting for them.
func (s *Server) Close(ctx context.Context, code CloseCode) error {
	s.mu.Lock()
	if !s.closed && len(s.conns) == 0 {
		close(s.idle)
	}
	s.closed = true
	conns := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, c := range conns {
		c.Close(code)
	}
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		c.abort()
	}
	s.mu.Unlock()
	return ctx.Err()
}

// add is false when the server is closed.
func (s *Server) add(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.conns[c] = struct{}{}
	}
	return !s.closed
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.closed && len(s.conns) == 0 {
		close(s.idle)
	}
}

const (
	// melodySlots is the size of a session's channel. It carries wake-ups, one at a time, and one close frame. Messages wait in
	// the Conn's queue: a channel for them would cost every idle connection 48 bytes a slot.
	melodySlots = 4
	// controlBuffer is Gorilla's write buffer, in which it builds control frames (125 bytes at most) and nothing else here.
	controlBuffer = 128
	// readBuffer is how much is read in one system call: several messages at once, so that the frames that they cause are written
	// together. With net/http's 4 KB, relay of 2.5 KB messages reached 0.77 of a bare server's deliveries per CPU second, with
	// 8 KB 0.86, with this 0.9 to 1.0. It costs an idle connection 12 KB more.
	readBuffer = 16 << 10
	never      = time.Duration(math.MaxInt64)
	// DefaultControls is how many control frames, or packets, a peer may send in controlWindow: far more than any client sends.
	// Messages are counted by the Handler, if at all.
	DefaultControls = 100
	controlWindow   = 10 * time.Second
	// maxHeaders is how many bytes the request of a connection may have before its body, because some headers are kept as long as
	// the connection lives. Browsers send a few KB; a session cookie in chunks has 4 KB each.
	maxHeaders = 64 << 10
)

// connKey is the key under which a Melody session holds its Conn.
const connKey = "conn"

func connOf(m *melody.Session) *Conn { return m.Keys[connKey].(*Conn) }

// newMelody creates a Melody without its defaults: messages of 512 bytes at most, and a buffer that drops.
func newMelody(c Config) *melody.Melody {
	m := melody.New()
	m.Upgrader = &websocket.Upgrader{
		ReadBufferSize: readBuffer, WriteBufferSize: controlBuffer, CheckOrigin: c.CheckOrigin,
	}
	m.Config = &melody.Config{
		WriteWait: c.WriteWait, PongWait: c.PongWait, PingPeriod: cmp.Or(c.PingPeriod, never),
		MaxMessageSize: c.MaxMessage, MessageBufferSize: melodySlots,
	}
	return m
}

// takeover is the ResponseWriter that Melody upgrades. Its Hijack returns the Conn's wire.
type takeover struct {
	http.ResponseWriter
	conn *Conn
}

// Hijack implements http.Hijacker. It works through the wrappers of middleware as well.
func (t takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	raw, buffers, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	t.conn.hijacked(raw)
	return &t.conn.wire, buffers, nil
}

// ControlLimit counts the control frames of a peer. They are not messages, but each costs an answer. The zero value is ready. It
// is not safe for concurrent use.
type ControlLimit struct {
	start time.Time
	count int
}

// Allow counts one frame. It reports whether at most limit frames came in 10 seconds.
func (l *ControlLimit) Allow(now time.Time, limit int) bool {
	if now.Sub(l.start) >= controlWindow {
		l.start, l.count = now, 0
	}
	l.count++
	return l.count <= limit
}

// HeadersTooLarge reports whether the request line and headers exceed 64 KB.
func HeadersTooLarge(r *http.Request) bool {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	return size > maxHeaders
}
