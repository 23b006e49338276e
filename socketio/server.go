package socketio

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/studycall/studycall/socketio/engineio"
	"github.com/studycall/studycall/websocket"
)

// Config configures a Server. Zero values take the defaults in brackets.
type Config struct {
	PingInterval   time.Duration // between a pong and the next ping [25s]
	PingTimeout    time.Duration // how long a pong may take [60s]
	ConnectTimeout time.Duration // how long a client may take to connect to a namespace [45s]
	UpgradeTimeout time.Duration // how long an upgrade from polling may take [10s]
	MaxPayload     int64         // bytes of the largest message, packet with attachments, or polling body accepted [1,000,000]
	Queue          int           // messages that may wait for one WebSocket [1024]
	QueueBytes     int           // bytes that may wait for one client [4 MiB]

	// KeepHeaders are headers of the first request, by canonical name, that are kept for Connect besides the usual ones: those of
	// sign-in, origin, proxies and language.
	KeepHeaders []string

	Recovery Recovery // off by default

	Codes       websocket.Codes
	CheckOrigin func(*http.Request) bool  // called for every new connection and upgrade; nil allows every origin
	Admit       func(*http.Request) error // called for every new connection; an error is answered with 503; nil admits all
	Log         *slog.Logger              // nil is slog.Default
}

// Server is an http.Handler for the path /socket.io/. All methods may be called concurrently.
type Server struct {
	config     Config
	namespaces map[string]Namespace
	engine     *engineio.Server
	offsets    *offsets

	mu       sync.Mutex
	sessions map[SessionKey]*Socket // connected or suspended
	closed   bool
}

// NewServer creates a server for the namespaces, given by name.
func NewServer(config Config, namespaces map[string]Namespace) *Server {
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, 45*time.Second)
	config.MaxPayload = cmp.Or(config.MaxPayload, 1_000_000)
	config.Codes = config.Codes.WithDefaults()
	config.Log = cmp.Or(config.Log, slog.Default())
	config.Recovery.MaxPackets = cmp.Or(config.Recovery.MaxPackets, 1024)
	config.Recovery.MaxBytes = cmp.Or(config.Recovery.MaxBytes, 1<<20)
	if config.QueueBytes > 0 { // so that missed packets fit into the queue
		config.Recovery.MaxBytes = min(config.Recovery.MaxBytes, config.QueueBytes/2)
	}
	s := &Server{config: config, namespaces: namespaces, offsets: newOffsets(), sessions: map[SessionKey]*Socket{}}
	s.engine = engineio.NewServer(engineio.Config{
		PingInterval: config.PingInterval, PingTimeout: config.PingTimeout, UpgradeTimeout: config.UpgradeTimeout,
		MaxPayload: config.MaxPayload, Queue: config.Queue, QueueBytes: config.QueueBytes, KeepHeaders: config.KeepHeaders,
		Codes: config.Codes, CheckOrigin: config.CheckOrigin, Admit: config.Admit, Log: config.Log,
		Pongs: config.Recovery.Window > 0,
	}, s.accept)
	return s
}

func (s *Server) accept(conn *engineio.Conn, r *http.Request) engineio.Handler {
	timer := time.AfterFunc(s.config.ConnectTimeout, func() { conn.Close(s.config.Codes.Unused) })
	return &client{server: s, conn: conn, request: r, timer: timer}
}

// ServeHTTP serves handshakes, polls, posts and upgrades.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Close accepts no more clients, closes all connections, those on a WebSocket with the code, and waits until every Disconnected has
// returned. When ctx ends first, the remaining connections are cut and Close returns the context's error.
func (s *Server) Close(ctx context.Context, code websocket.CloseCode) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.engine.Close(ctx, code)
	expired := make(chan struct{})
	go func() {
		defer close(expired)
		s.mu.Lock()
		sockets := slices.Collect(maps.Values(s.sessions))
		s.mu.Unlock()
		for _, socket := range sockets { // those that were suspended
			socket.expire(0)
		}
	}()
	select {
	case <-expired:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
