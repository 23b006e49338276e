package websocket_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/websocket"
)

// Given a write in progress, when many messages are sent, then they share the next system call.
func TestWaitingMessagesShareASystemCall(t *testing.T) {
	t.Parallel()
	const messages = 200
	h := newRecorder(nil)
	conns := make(chan *countedConn, 1)
	_, url := serve(t, websocket.Config{}, h, func(s *httptest.Server) {
		s.Listener = countedListener{s.Listener, conns}
	})
	go func() {
		c := <-conns
		conns <- c
		c.gate <- struct{}{} // the upgrade
	}()
	conn := dial(t, url)
	c := check.Receive(t, h.opened)
	counted := check.Receive(t, conns)
	check.Receive(t, counted.writes) // the upgrade

	c.Send(websocket.Text([]byte("first")))
	check.Receive(t, counted.writes) // it is in progress, and blocked
	for i := range messages {
		c.Send(websocket.Text(fmt.Appendf(nil, "%d", i)))
	}
	for range 4 {
		counted.gate <- struct{}{}
	}
	read(t, conn)
	for i := range messages {
		if got := read(t, conn); got != strconv.Itoa(i) {
			t.Fatalf("message %[2]d is %[1]q", got, i)
		}
	}
	check.Receive(t, counted.writes)
	if more := len(counted.writes); more > 0 {
		t.Errorf("%d messages took %d system calls", messages, 1+more)
	}
}

// Given a peer that does not read, when its queue is full, then it is closed with TooSlow, and senders never block.
func TestASlowPeerIsClosed(t *testing.T) {
	t.Parallel()
	large := websocket.Text(bytes.Repeat([]byte("x"), 100_000))
	for name, config := range map[string]websocket.Config{
		"too many messages": {Queue: 10},
		"too many bytes":    {QueueBytes: 1_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newRecorder(nil)
			_, url := serve(t, config, h)
			conn := dial(t, url)
			c := check.Receive(t, h.opened)
			for range 1000 { // 100 MB, more than the kernel takes
				c.Send(large)
			}
			checkClose(t, conn, websocket.Codes{}.WithDefaults().TooSlow) // once it reads
			if cause := check.Receive(t, h.closed); !errors.Is(cause, websocket.Codes{}.WithDefaults().TooSlow) {
				t.Errorf("the cause is %v", cause)
			}
		})
	}
}

// Given a peer that never reads, when its queue is full, then its connection ends, although it takes no close frame.
func TestADeadPeerIsCut(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	_, url := serve(t, websocket.Config{Queue: 10, WriteWait: time.Hour}, h)
	_ = dial(t, url)
	c := check.Receive(t, h.opened)
	large := websocket.Text(bytes.Repeat([]byte("x"), 1_000_000))
	for range 30 {
		c.Send(large)
	}
	if cause := check.Receive(t, h.closed); !errors.Is(cause, websocket.Codes{}.WithDefaults().TooSlow) {
		t.Errorf("the cause is %v", cause)
	}
}
