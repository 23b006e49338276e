package websocket_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/studycall/studycall/websocket"
)

// Given a connection that is being written to, when many messages come for it meanwhile, then they leave in one system call.
func TestWhatWaitsIsWrittenTogether(t *testing.T) {
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
	c := wait(t, h.opened)
	counted := wait(t, conns)
	wait(t, counted.writes) // the upgrade

	c.Send(websocket.Text([]byte("first")))
	wait(t, counted.writes) // it is under way, and held
	for i := range messages {
		c.Send(websocket.Text(fmt.Appendf(nil, "%d", i)))
	}
	for range 4 {
		counted.gate <- struct{}{}
	}
	read(t, conn)
	for i := range messages {
		if got := read(t, conn); got != strconv.Itoa(i) {
			t.Fatalf("%q came as number %d", got, i)
		}
	}
	wait(t, counted.writes)
	if more := len(counted.writes); more > 0 {
		t.Errorf("%d messages took %d system calls", messages, 1+more)
	}
}

// Given a peer that does not read, when more waits for it than may, then it is closed with a code that says so, and who
// sends is never held up.
func TestSlowReceiverIsClosed(t *testing.T) {
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
			c := wait(t, h.opened)
			for range 1000 { // 100 MB, more than the kernel takes
				c.Send(large)
			}
			checkClose(t, conn, websocket.TooSlow) // once it reads
			if cause := wait(t, h.closed); !errors.Is(cause, websocket.TooSlow) {
				t.Errorf("the handler was told %v", cause)
			}
		})
	}
}

// Given a peer that never reads, when its queue is full, then it is let go all the same.
func TestDeadReceiverIsLetGo(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	_, url := serve(t, websocket.Config{Queue: 10, WriteWait: time.Hour}, h)
	_ = dial(t, url)
	c := wait(t, h.opened)
	large := websocket.Text(bytes.Repeat([]byte("x"), 1_000_000))
	for range 30 {
		c.Send(large)
	}
	if cause := wait(t, h.closed); !errors.Is(cause, websocket.TooSlow) {
		t.Errorf("the handler was told %v", cause)
	}
}
