package websocket

import (
	"context"
	"net/http"
	"time"
)

// Config is how a Server treats its connections. Zero values take the defaults in brackets.
type Config struct {
	MaxMessage int64         // bytes of the largest message taken; a larger one closes with TooBig [1,000,000]
	Queue      int           // messages that may wait for one connection [1024]
	QueueBytes int           // bytes that may wait for one connection [4 MiB]
	WriteWait  time.Duration // how long one write may take [10s]
	PingPeriod time.Duration // how often the peer is pinged [0: never]
	PongWait   time.Duration // how long a connection lives without a pong, more than PingPeriod [0: for ever]

	CheckOrigin func(*http.Request) bool // nil allows every origin
}

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
type Server struct{ config Config }

// New makes a server without connections.
func New(config Config) *Server { return &Server{config: config} }

// Serve upgrades the request and returns as soon as that is done, so that what net/http held for the request is let go;
// from then on h is told of the connection. When it returns an error the request has been answered (400, 403, 405, or 503 once
// the server is closed) and h hears nothing.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, h Handler) error { return nil }

// Len is how many connections are open.
func (s *Server) Len() int { return 0 }

// Close takes no more connections, closes all there are with the code, and waits until every handler has been told. When ctx ends
// first, what is left is cut off, and the context's error is returned once that is done.
func (s *Server) Close(ctx context.Context, code CloseCode) error { return nil }
