package engineio

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/studycall/studycall/websocket"
)

// Config configures a Server. Zero values take the defaults in brackets.
type Config struct {
	PingInterval   time.Duration // between a pong and the next ping [25s]
	PingTimeout    time.Duration // how long a pong may take [60s]
	UpgradeTimeout time.Duration // how long an upgrade from polling may take [10s]
	PollGap        time.Duration // how long after the answer to a poll the next may come [30s: 4 MiB over 1.1 Mbit/s]
	MaxPayload     int64         // bytes of the largest message or polling body accepted [1,000,000]
	Queue          int           // messages that may wait for one WebSocket [1024]
	QueueBytes     int           // bytes that may wait for one peer [4 MiB]

	// KeepHeaders are headers of the first request, by canonical name, that are kept for the handler besides the usual ones: those
	// of sign-in, origin, proxies and language.
	KeepHeaders []string

	Pongs       bool // call the handlers that are PongHandlers
	Codes       websocket.Codes
	CheckOrigin func(*http.Request) bool  // called for every new connection and upgrade; nil allows every origin
	Admit       func(*http.Request) error // called for every new connection; an error is answered with 503; nil admits all
	Log         *slog.Logger              // nil is slog.Default
}

func (c Config) withDefaults() Config {
	c.PingInterval = cmp.Or(c.PingInterval, 25*time.Second)
	c.PingTimeout = cmp.Or(c.PingTimeout, time.Minute)
	c.UpgradeTimeout = cmp.Or(c.UpgradeTimeout, 10*time.Second)
	c.PollGap = cmp.Or(c.PollGap, 30*time.Second)
	c.MaxPayload = cmp.Or(c.MaxPayload, 1_000_000)
	c.Queue = cmp.Or(c.Queue, 1024)
	c.QueueBytes = cmp.Or(c.QueueBytes, 4<<20)
	c.Codes = c.Codes.WithDefaults()
	c.Log = cmp.Or(c.Log, slog.Default())
	return c
}

// webSockets configures the WebSockets. They send no pings of their own, and origins are checked before the upgrade.
func (c Config) webSockets() websocket.Config {
	return websocket.Config{MaxMessage: c.MaxPayload, Queue: c.Queue, QueueBytes: c.QueueBytes, Codes: c.Codes, Log: c.Log}
}

// Handler handles one connection, one call at a time.
type Handler interface {
	// Message is called with the peer's messages, in order, until the connection ends. The handler may keep data. Text is valid UTF-8.
	Message(c *Conn, data []byte, binary bool)
	// Closed is called last, exactly once.
	Closed(c *Conn, reason Reason)
}

// PongHandler is a Handler that wants to know which messages have arrived. It is called if Config.Pongs is set.
type PongHandler interface {
	// Pong is called when the peer has answered the ping with the number, counted from 1. So it has received every message that was
	// queued while Conn.Pings was less.
	Pong(c *Conn, ping uint64)
}

// Server is an http.Handler for one path. All methods may be called concurrently.
type Server struct {
	config  Config
	accept  func(*Conn, *http.Request) Handler
	sockets *websocket.Server
	running sync.WaitGroup // connections whose Closed has not returned, and functions of Conn.Run

	mu     sync.Mutex
	conns  map[string]*Conn // by id
	closed bool
}

// NewServer creates a server without connections. It calls accept for each new connection, which accept may send to. The request
// is the connection's first, without a body or a context and with few of its headers, and may be kept.
func NewServer(config Config, accept func(c *Conn, r *http.Request) Handler) *Server {
	config = config.withDefaults()
	return &Server{
		config: config, accept: accept, sockets: websocket.New(config.webSockets()), conns: map[string]*Conn{},
	}
}

// Close accepts no more connections, closes all connections, those on a WebSocket with the code, and waits until every Closed has
// returned. When ctx ends first, the remaining connections are cut and Close returns the context's error.
func (s *Server) Close(ctx context.Context, code websocket.CloseCode) error {
	s.mu.Lock()
	s.closed = true
	conns := slices.Collect(maps.Values(s.conns))
	s.mu.Unlock()
	for _, c := range conns {
		c.Close(code)
		s.remove(c)
	}
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	err := s.sockets.Close(ctx, code)
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add is false when the server is closed.
func (s *Server) add(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	s.conns[c.id] = c
	return true
}

func (s *Server) find(id string) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[id]
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.id)
}
