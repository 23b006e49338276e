package websocket_test

import (
	"bytes"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/websocket"
)

// Given a peer that sent its last byte a while ago, when its connection ends, then LastAlive is the time of the end if the end was
// observed, and the time of that byte if the connection timed out.
func TestLastAlive(t *testing.T) {
	t.Parallel()
	const pause = time.Second // in which the server reads on
	large := websocket.Text(bytes.Repeat([]byte("x"), 1_000_000))
	for name, test := range map[string]struct {
		end     func(t *testing.T, c *websocket.Conn, peer *gorilla.Conn)
		timeout bool
	}{
		"hangs up":               {func(_ *testing.T, _ *websocket.Conn, peer *gorilla.Conn) { _ = peer.Close() }, false},
		"is closed by this side": {func(_ *testing.T, c *websocket.Conn, _ *gorilla.Conn) { c.Close(appCode) }, false},
		"stops reading": {func(_ *testing.T, c *websocket.Conn, _ *gorilla.Conn) {
			for range 30 {
				c.Send(large)
			}
		}, true},
		"times out a write": {func(_ *testing.T, c *websocket.Conn, _ *gorilla.Conn) {
			c.Send(websocket.Text(bytes.Repeat([]byte("x"), 12_000_000)))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newRecorder(func(c *websocket.Conn, _ []byte, _ bool) { c.Send(websocket.Text([]byte("reply"))) })
			_, url := serve(t, websocket.Config{Queue: 10, QueueBytes: 50_000_000, WriteWait: pause}, h)
			peer := dial(t, url)
			c := check.Receive(t, h.opened)
			sent := time.Now()
			if err := peer.WriteMessage(gorilla.TextMessage, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			read(t, peer)
			lastByte := time.Now()
			<-time.After(pause)
			test.end(t, c, peer)
			_ = check.Receive(t, h.closed) // any cause
			if alive := c.LastAlive(); alive.After(lastByte) == test.timeout || alive.After(time.Now()) || alive.Before(sent) {
				t.Errorf("LastAlive is %v after the last byte", alive.Sub(lastByte))
			}
		})
	}
}

// Given a handler that is slow, when the peer hangs up meanwhile, then LastAlive is when its message came.
func TestLastAliveOfAPeerThatHangsUpDuringAMessage(t *testing.T) {
	t.Parallel()
	handling, handled := make(chan struct{}), make(chan struct{})
	h := newRecorder(func(*websocket.Conn, []byte, bool) {
		close(handling)
		<-handled
	})
	_, url := serve(t, websocket.Config{}, h)
	peer := dial(t, url)
	c := check.Receive(t, h.opened)
	sent := time.Now()
	if err := peer.WriteMessage(gorilla.TextMessage, []byte("slow")); err != nil {
		t.Fatal(err)
	}
	check.Receive(t, handling)
	hungUp := time.Now()
	_ = peer.Close()
	<-time.After(300 * time.Millisecond) // for the network: nothing shows when the hang-up has arrived
	close(handled)
	_ = check.Receive(t, h.closed) // any cause
	if alive := c.LastAlive(); alive.After(hungUp) || alive.Before(sent) {
		t.Errorf("LastAlive is %v after the hang-up", alive.Sub(hungUp))
	}
}
