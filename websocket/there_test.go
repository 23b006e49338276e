package websocket_test

import (
	"bytes"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/websocket"
)

// Given a peer that last sent something a while ago, when its connection ends, then it was there until then if it is seen
// to go, and until it was last heard if nobody can know.
func TestLastThere(t *testing.T) {
	t.Parallel()
	const pause = time.Second // in which the server goes on to read
	large := websocket.Text(bytes.Repeat([]byte("x"), 1_000_000))
	for name, test := range map[string]struct {
		end  func(t *testing.T, c *websocket.Conn, peer *gorilla.Conn)
		late bool
	}{
		"hangs up":   {func(_ *testing.T, _ *websocket.Conn, peer *gorilla.Conn) { _ = peer.Close() }, false},
		"is put out": {func(_ *testing.T, c *websocket.Conn, _ *gorilla.Conn) { c.Close(websocket.Removed) }, false},
		"takes nothing": {func(_ *testing.T, c *websocket.Conn, _ *gorilla.Conn) {
			for range 30 {
				c.Send(large)
			}
		}, true},
		"takes one write too long": {func(_ *testing.T, c *websocket.Conn, _ *gorilla.Conn) {
			c.Send(websocket.Text(bytes.Repeat([]byte("x"), 12_000_000)))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newRecorder(func(c *websocket.Conn, _ []byte, _ bool) { c.Send(websocket.Text([]byte("heard"))) })
			_, url := serve(t, websocket.Config{Queue: 10, QueueBytes: 50_000_000, WriteWait: pause}, h)
			peer := dial(t, url)
			c := wait(t, h.opened)
			sent := time.Now()
			if err := peer.WriteMessage(gorilla.TextMessage, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			read(t, peer)
			heard := time.Now()
			<-time.After(pause)
			test.end(t, c, peer)
			_ = wait(t, h.closed) // whatever the cause
			if there := c.LastThere(); there.After(heard) == test.late || there.After(time.Now()) || there.Before(sent) {
				t.Errorf("was there until %v after it was last heard", there.Sub(heard))
			}
		})
	}
}

// Given a peer that hangs up while its message is handled, when that takes long, then it was there until it sent the message.
func TestLastThereOfWhoHangsUpMeanwhile(t *testing.T) {
	t.Parallel()
	handling, handled := make(chan struct{}), make(chan struct{})
	h := newRecorder(func(*websocket.Conn, []byte, bool) {
		close(handling)
		<-handled
	})
	_, url := serve(t, websocket.Config{}, h)
	peer := dial(t, url)
	c := wait(t, h.opened)
	sent := time.Now()
	if err := peer.WriteMessage(gorilla.TextMessage, []byte("join")); err != nil {
		t.Fatal(err)
	}
	wait(t, handling)
	hungUp := time.Now()
	_ = peer.Close()
	<-time.After(300 * time.Millisecond) // for the network: the server is not told when it is there
	close(handled)
	_ = wait(t, h.closed) // whatever the cause
	if there := c.LastThere(); there.After(hungUp) || there.Before(sent) {
		t.Errorf("was there until %v after it hung up", there.Sub(hungUp))
	}
}
