package websocket

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
)

// gatedSocket counts direct writes and blocks each until the gate lets it pass.
type gatedSocket struct {
	syscall.RawConn
	writes, gate chan struct{}
}

func (g gatedSocket) Write(do func(uintptr) bool) error {
	g.writes <- struct{}{}
	<-g.gate
	return g.RawConn.Write(do)
}

// opened is a Handler that sends its connection to a channel.
type opened chan *Conn

func (o opened) Open(c *Conn)              { o <- c }
func (opened) Message(*Conn, []byte, bool) {}
func (opened) Closed(*Conn, error)         {}

// gatedConn opens a connection with a gated socket, and its peer.
func gatedConn(t *testing.T) (*Conn, gatedSocket, *websocket.Conn) {
	t.Helper()
	s, conns := New(Config{}), make(opened, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = s.Serve(w, r, conns) }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = s.Close(context.Background(), Normal) })
	peer, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
	check.NoError(t, err)
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = peer.Close() })
	c := check.Receive(t, conns)
	gated := gatedSocket{c.wire.direct.raw, make(chan struct{}, 1000), make(chan struct{}, 1000)}
	c.wire.direct.mu.Lock()
	c.wire.direct.raw = gated
	c.wire.direct.mu.Unlock()
	return c, gated, peer
}

// expect reads messages with these prefixes, in order.
func expect(t *testing.T, peer *websocket.Conn, prefixes ...string) {
	t.Helper()
	_ = peer.SetReadDeadline(time.Now().Add(check.Timeout))
	for _, want := range prefixes {
		if _, got, err := peer.ReadMessage(); err != nil || !bytes.HasPrefix(got, []byte(want)) {
			t.Fatalf("want %s…, got %.10q, %v", want, got, err)
		}
	}
}

// Given a write in progress, when many messages are sent, then they share the next write.
func TestTheFlusherWritesTheQueueAtOnce(t *testing.T) {
	t.Parallel()
	c, gated, peer := gatedConn(t)
	const messages = 200
	c.Send(Text([]byte("first")))
	check.Receive(t, gated.writes)
	want := []string{"first"}
	for i := range messages {
		want = append(want, fmt.Sprint(i, " "))
		c.Send(Text([]byte(want[i+1])))
	}
	gated.gate <- struct{}{}
	gated.gate <- struct{}{}
	expect(t, peer, want...)
	check.Receive(t, gated.writes)
	if more := len(gated.writes); more > 0 {
		t.Errorf("%d messages took %d system calls", messages, 1+more)
	}
}

// Given a flush that takes several writes, when the connection is closed during the first, then the peer gets all frames in order,
// and then the close frame.
func TestCloseWhileTheFlusherWrites(t *testing.T) {
	t.Parallel()
	c, gated, peer := gatedConn(t)
	large := strings.Repeat("x", 40<<10)
	c.Send(Text([]byte("a"+large)), Text([]byte("b"+large)), Text([]byte("c"+large)))
	check.Receive(t, gated.writes)
	c.Send(Text([]byte("d")))
	c.Close(Normal)
	for range cap(gated.gate) {
		gated.gate <- struct{}{}
	}
	expect(t, peer, "a", "b", "c", "d")
	if _, _, err := peer.ReadMessage(); !websocket.IsCloseError(err, Normal.Number) {
		t.Errorf("the error is %v", err)
	}
}

// Given a flush that takes several writes, when the queue is dropped during the first, then no dropped frame is sent.
func TestTheQueueIsDroppedWhileTheFlusherWrites(t *testing.T) {
	t.Parallel()
	c, gated, peer := gatedConn(t)
	large := strings.Repeat("x", 40<<10)
	c.Send(Text([]byte("a"+large)), Text([]byte("b"+large)), Text([]byte("c"+large)))
	check.Receive(t, gated.writes)
	c.closeTooSlow()
	c.Send(Text([]byte("d")))
	for range cap(gated.gate) {
		gated.gate <- struct{}{}
	}
	expect(t, peer, "a")
	if _, _, err := peer.ReadMessage(); !websocket.IsCloseError(err, Codes{}.WithDefaults().TooSlow.Number) {
		t.Errorf("the error is %v", err)
	}
	if err := c.Drained(t.Context()); err == nil {
		t.Error("dropped frames count as sent")
	}
}
