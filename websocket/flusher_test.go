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

	"github.com/studycall/studycall/realtime/realtimetest"
)

// heldSocket is a socket to which writes without waiting are counted, and held until they are let through.
type heldSocket struct {
	syscall.RawConn
	writes, gate chan struct{}
}

func (h heldSocket) Write(do func(uintptr) bool) error {
	h.writes <- struct{}{}
	<-h.gate
	return h.RawConn.Write(do)
}

// opened tells of its connection.
type opened chan *Conn

func (o opened) Open(c *Conn)              { o <- c }
func (opened) Message(*Conn, []byte, bool) {}
func (opened) Closed(*Conn, error)         {}

// heldConn is a connection whose socket is held, and its peer.
func heldConn(t *testing.T) (*Conn, heldSocket, *websocket.Conn) {
	t.Helper()
	s, conns := New(Config{}), make(opened, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = s.Serve(w, r, conns) }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = s.Close(context.Background(), Normal) })
	peer, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = peer.Close() })
	c := realtimetest.Receive(t, conns)
	held := heldSocket{c.wire.direct.raw, make(chan struct{}, 1000), make(chan struct{}, 1000)}
	c.wire.direct.mu.Lock()
	c.wire.direct.raw = held
	c.wire.direct.mu.Unlock()
	return c, held, peer
}

// expect reads messages that begin so, in order.
func expect(t *testing.T, peer *websocket.Conn, beginnings ...string) {
	t.Helper()
	_ = peer.SetReadDeadline(time.Now().Add(realtimetest.Patience))
	for _, want := range beginnings {
		if _, got, err := peer.ReadMessage(); err != nil || !bytes.HasPrefix(got, []byte(want)) {
			t.Fatalf("instead of %s came %.10q, %v", want, got, err)
		}
	}
}

// Given a write that is under way, when many messages come meanwhile, then they leave together in the next one.
func TestTheFlusherWritesWhatWaitsTogether(t *testing.T) {
	t.Parallel()
	c, held, peer := heldConn(t)
	const messages = 200
	c.Send(Text([]byte("first")))
	realtimetest.Receive(t, held.writes)
	want := []string{"first"}
	for i := range messages {
		want = append(want, fmt.Sprint(i, " "))
		c.Send(Text([]byte(want[i+1])))
	}
	held.gate <- struct{}{}
	held.gate <- struct{}{}
	expect(t, peer, want...)
	realtimetest.Receive(t, held.writes)
	if more := len(held.writes); more > 0 {
		t.Errorf("%d messages took %d system calls", messages, 1+more)
	}
}

// Given more in the flusher's hands than leaves in one write, when the connection is closed meanwhile, then all that was sent
// before comes, in order, and then the code.
func TestCloseWhileTheFlusherWrites(t *testing.T) {
	t.Parallel()
	c, held, peer := heldConn(t)
	large := strings.Repeat("x", 40<<10)
	c.Send(Text([]byte("a"+large)), Text([]byte("b"+large)), Text([]byte("c"+large)))
	realtimetest.Receive(t, held.writes)
	c.Send(Text([]byte("d")))
	c.Close(Normal)
	for range cap(held.gate) {
		held.gate <- struct{}{}
	}
	expect(t, peer, "a", "b", "c", "d")
	if _, _, err := peer.ReadMessage(); !websocket.IsCloseError(err, int(Normal)) {
		t.Errorf("then came %v", err)
	}
}

// Given a peer that is too slow, when what waits is given up while the flusher writes, then nothing of it comes back.
func TestWhatIsGivenUpWhileTheFlusherWritesStaysSo(t *testing.T) {
	t.Parallel()
	c, held, peer := heldConn(t)
	large := strings.Repeat("x", 40<<10)
	c.Send(Text([]byte("a"+large)), Text([]byte("b"+large)), Text([]byte("c"+large)))
	realtimetest.Receive(t, held.writes)
	c.tooSlow()
	c.Send(Text([]byte("d")))
	for range cap(held.gate) {
		held.gate <- struct{}{}
	}
	expect(t, peer, "a")
	if _, _, err := peer.ReadMessage(); !websocket.IsCloseError(err, int(TooSlow)) {
		t.Errorf("then came %v", err)
	}
	if err := c.Drained(t.Context()); err == nil {
		t.Error("what was given up counts as sent")
	}
}
