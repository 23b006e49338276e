package websocket_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/websocket"
)

// Given a peer that reads with pauses and sends pings, when several goroutines send it frames of all sizes, some so large that the
// network takes them in parts, then it gets all of them whole, and those of each sender in order.
func TestFramesThatTheNetworkTakesInParts(t *testing.T) {
	t.Parallel()
	const senders = 3
	messages := 1000
	if testing.Short() {
		messages = 100
	}
	h := newRecorder(nil)
	_, url := serve(t, websocket.Config{Queue: senders * messages, QueueBytes: 1 << 30, WriteWait: patience, Pings: math.MaxInt}, h)
	conn := dial(t, url)
	c := check.Receive(t, h.opened)

	sending, stop := context.WithCancel(t.Context())
	var pings, all sync.WaitGroup
	defer pings.Wait()
	defer stop()
	pings.Go(func() {
		for sending.Err() == nil {
			_ = conn.WriteControl(gorilla.PingMessage, []byte("now"), time.Now().Add(patience))
		}
	})
	for sender := range senders {
		all.Go(func() {
			chance := rand.New(rand.NewPCG(1, uint64(sender)))
			for i := range messages {
				c.Send(websocket.Text(text(sender, i)))
				if chance.IntN(2) == 0 { // so that many frames find the queue empty
					_ = c.Drained(t.Context())
				}
			}
		})
	}

	var next [senders]int
	for i := range senders * messages {
		if i%500 == 0 {
			<-time.After(20 * time.Millisecond) // fills the network's buffers
		}
		if i == senders*messages-10 { // few enough for the peer to take them before closeWait ends
			go func() {
				all.Wait()
				c.Close(websocket.Normal)
			}()
		}
		got := read(t, conn)
		sender := int(got[0] - '0')
		if want := string(text(sender, next[sender])); got != want {
			t.Fatalf("want %.20q… (%d bytes), got %.20q… (%d bytes)", want, len(want), got, len(got))
		}
		next[sender]++
	}
	if _, _, err := conn.ReadMessage(); !gorilla.IsCloseError(err, websocket.Normal.Number) {
		t.Errorf("the error after the last message is %v", err)
	}
}

// text is message i of a sender: most have 256 bytes to 4 KB, some 256 KB, which the network takes in parts.
func text(sender, i int) []byte {
	size := 1 << (8 + (i*7+sender*5)%5)
	if i%50 == 0 {
		size = 256 << 10
	}
	return fmt.Appendf(nil, "%d:%d:%s", sender, i, bytes.Repeat([]byte{byte('a' + i%26)}, size))
}
