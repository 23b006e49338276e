package websocket_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/websocket"
)

const patience = check.Timeout

// recorder is a Handler that sends its calls to channels.
type recorder struct {
	opened    chan *websocket.Conn
	closed    chan error
	onMessage func(c *websocket.Conn, data []byte, binary bool)
}

func newRecorder(onMessage func(c *websocket.Conn, data []byte, binary bool)) *recorder {
	return &recorder{opened: make(chan *websocket.Conn, 1), closed: make(chan error, 2), onMessage: onMessage}
}

func (r *recorder) Open(c *websocket.Conn) { r.opened <- c }

func (r *recorder) Message(c *websocket.Conn, data []byte, binary bool) {
	if r.onMessage != nil {
		r.onMessage(c, data, binary)
	}
}

func (r *recorder) Closed(_ *websocket.Conn, cause error) { r.closed <- cause }

// echo sends every message back.
func echo(c *websocket.Conn, data []byte, binary bool) {
	if binary {
		c.Send(websocket.Binary(data))
	} else {
		c.Send(websocket.Text(data))
	}
}

// serve starts a server with one handler on a real listener, and returns its URL.
func serve(t *testing.T, config websocket.Config, h websocket.Handler, change ...func(*httptest.Server)) (*websocket.Server, string) {
	t.Helper()
	if config.Log == nil {
		config.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s := websocket.New(config)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = s.Serve(w, r, h) // the client sees the error
	}))
	for _, f := range change {
		f(server)
	}
	server.Start()
	t.Cleanup(func() {
		closeServer(t, s)
		server.Close()
	})
	return s, "ws" + strings.TrimPrefix(server.URL, "http")
}

// closeServer closes a server and waits until all its connections have ended. It may be called twice.
func closeServer(t *testing.T, s *websocket.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(ctx, websocket.Restart); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// dial connects a peer, which is closed when the test ends.
func dial(t *testing.T, url string) *gorilla.Conn {
	t.Helper()
	conn, answer, err := gorilla.DefaultDialer.DialContext(t.Context(), url, nil)
	check.NoError(t, err)
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	check.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	return conn
}

func read(t *testing.T, conn *gorilla.Conn) string {
	t.Helper()
	_, data, err := conn.ReadMessage()
	check.NoError(t, err)
	return string(data)
}

// countedListener counts the writes to each connection, and can block them.
type countedListener struct {
	net.Listener
	conns chan *countedConn
}

type countedConn struct {
	net.Conn
	writes chan int // the size of each
	gate   chan struct{}
}

func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	counted := &countedConn{conn, make(chan int, 10_000), make(chan struct{}, 10_000)}
	l.conns <- counted
	return counted, nil
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.writes <- len(p)
	<-c.gate
	return c.Conn.Write(p)
}
