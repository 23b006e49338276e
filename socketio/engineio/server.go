package engineio

import (
	"context"
	"net/http"
	"sync"

	"github.com/studycall/studycall/websocket"
)

// Handler is told what happens on one connection, one call at a time.
type Handler interface {
	// Message is a message of the client's, in the order in which it sent them. The handler may keep data. Text is valid
	// UTF-8. It does not come once the connection ended.
	Message(c *Conn, data []byte, binary bool)
	// Closed comes last, exactly once.
	Closed(c *Conn, reason Reason)
}

// Server is an http.Handler for one path. All methods may be called concurrently.
type Server struct {
	config  Config
	accept  func(*Conn, *http.Request) Handler
	sockets *websocket.Server
	running sync.WaitGroup // connections whose handler was not yet told of the end, and what they run besides

	mu     sync.Mutex
	conns  map[string]*Conn
	closed bool
}

// NewServer makes a server without connections. Accept is called for each new one, which it may send to at once; r
// is its first HTTP request, without a body or a context and with few of its headers, and may be kept.
func NewServer(config Config, accept func(c *Conn, r *http.Request) Handler) *Server {
	config = config.withDefaults()
	return &Server{
		config: config, accept: accept, sockets: websocket.New(config.sockets()), conns: map[string]*Conn{},
	}
}

// Len is how many connections there are, on either transport.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Close takes no more connections, closes all there are, with the code where they are on a WebSocket, and waits until
// every handler has been told. When ctx ends first, what is left is cut off, and the context's error is returned.
func (s *Server) Close(ctx context.Context, code websocket.CloseCode) error {
	s.mu.Lock()
	s.closed = true
	conns := make([]*Conn, 0, len(s.conns))
	for _, c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.Close(code)
		c.forget()
	}
	told := make(chan struct{})
	go func() {
		s.running.Wait()
		close(told)
	}()
	err := s.sockets.Close(ctx, code)
	select {
	case <-told:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keep adds a connection, unless the server is closed.
func (s *Server) keep(c *Conn) bool {
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
