package websocket

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"
)

// Config is how a Server treats its connections. Zero values take the defaults in brackets.
type Config struct {
	MaxMessage int64         // bytes of the largest message taken; a larger one closes with TooBig [1,000,000]
	Queue      int           // messages that may wait for one connection [16,384: more than a few peers may send at once]
	Pings      int           // pings of the peer that are answered in 10 s, before it is closed [100]
	QueueBytes int           // bytes that may wait for one connection [4 MiB]
	WriteWait  time.Duration // how long one write may take [10s]
	PingPeriod time.Duration // how often the peer is pinged [0: never]
	PongWait   time.Duration // how long a connection lives without a pong, more than PingPeriod [0: for ever]

	CheckOrigin func(*http.Request) bool // nil allows every origin
	Log         *slog.Logger             // nil is slog.Default
}

var (
	// ErrClosed says that the server takes no more connections.
	ErrClosed = errors.New("the server takes no more connections")
	// ErrHeaders refuses a request with more than MaxHeaders.
	ErrHeaders = errors.New("the request's headers are too large")
)

// Handler is told what happens on one connection, by the connection's own goroutine, one call at a time.
type Handler interface {
	// Open comes first. What it sends is the first thing the peer gets.
	Open(c *Conn)
	// Message is a message of the peer's. The handler may keep data. Text is valid UTF-8. It does not come once Close was
	// called.
	Message(c *Conn, data []byte, binary bool)
	// Closed comes last, exactly once after Open. The cause is a CloseCode when this side closed, a *PeerClose when the
	// peer did, and else what failed.
	Closed(c *Conn, cause error)
}

// Server upgrades requests and keeps the connections. All methods may be called concurrently.
type Server struct {
	config  Config
	melody  *melody.Melody
	flusher flusher

	mu     sync.Mutex
	conns  map[*Conn]struct{}
	closed bool
	idle   chan struct{} // closed when the server is closed and no connection is left
}

// New makes a server without connections.
func New(config Config) *Server {
	config = config.withDefaults()
	s := &Server{config: config, melody: underneath(config), conns: map[*Conn]struct{}{}, idle: make(chan struct{})}
	s.melody.HandleConnect(func(m *melody.Session) { connOf(m).open(m) })
	s.melody.HandleMessage(func(m *melody.Session, data []byte) { connOf(m).message(data, false) })
	s.melody.HandleMessageBinary(func(m *melody.Session, data []byte) { connOf(m).message(data, true) })
	s.melody.HandleError(func(m *melody.Session, err error) { connOf(m).failed(err) })
	s.melody.HandleDisconnect(func(m *melody.Session) { connOf(m).ended() })
	return s
}

// IsUpgrade says whether a request asks for a WebSocket.
func IsUpgrade(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// Serve upgrades the request and returns as soon as that is done, so that what net/http held for the request is let go;
// from then on h is told of the connection. When it returns an error the request has been answered (400, 403 or 405 as
// the request deserves, 431 with ErrHeaders, 503 with ErrClosed) and h hears nothing.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, h Handler) error {
	if HeadersTooLarge(r) {
		http.Error(w, ErrHeaders.Error(), http.StatusRequestHeaderFieldsTooLarge)
		return ErrHeaders
	}
	c := &Conn{server: s, handler: h, upgraded: make(chan error, 1)}
	if !s.enter(c) {
		http.Error(w, ErrClosed.Error(), http.StatusServiceUnavailable)
		return ErrClosed
	}
	go func() {
		defer s.leave(c)
		c.run(w, r)
	}()
	return <-c.upgraded
}

// Len is how many connections there are, those included that are being closed.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Close takes no more connections, closes all there are with the code, and waits until every handler has been told.
// When ctx ends first, what is left is cut off, and the context's error is returned without waiting for more.
func (s *Server) Close(ctx context.Context, code CloseCode) error {
	for _, c := range s.refuse() {
		c.Close(code)
	}
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		c.cut()
	}
	s.mu.Unlock()
	return ctx.Err()
}

// refuse takes no more connections, and lists those there are.
func (s *Server) refuse() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && len(s.conns) == 0 {
		close(s.idle)
	}
	s.closed = true
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

func (s *Server) enter(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.conns[c] = struct{}{}
	}
	return !s.closed
}

func (s *Server) leave(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.closed && len(s.conns) == 0 {
		close(s.idle)
	}
}
