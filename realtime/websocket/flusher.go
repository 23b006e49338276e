package websocket

import (
	"runtime"
	"sync"
)

// flusher writes what waits for connections as far as the network takes it at once, and never waits itself. To have each
// connection's own goroutine do it costs some 4 µs to wake that one, as much as a write; this one is awake while there is
// anything to do, and what comes for a connection while others have their turn leaves together. It lives only as long.
type flusher struct {
	mu      sync.Mutex
	waiting []*Conn
	running bool
}

// add has a connection flushed to which something waits, and which is not in the flusher already.
func (f *flusher) add(c *Conn) {
	f.mu.Lock()
	f.waiting = append(f.waiting, c)
	start := !f.running
	f.running = true
	f.mu.Unlock()
	if start {
		go f.run()
	}
}

func (f *flusher) run() {
	buffer := gathering.Get().(*[]byte)
	defer gathering.Put(buffer)
	var spare []*Conn
	for {
		// Those who have something to say now say it first: it leaves in the same system call. Where nobody else can run, this
		// returns at once.
		runtime.Gosched()
		f.mu.Lock()
		conns := f.waiting
		f.running = len(conns) > 0
		f.waiting = spare[:0]
		f.mu.Unlock()
		if len(conns) == 0 {
			return
		}
		for _, c := range conns {
			c.flush(*buffer)
		}
		clear(conns)
		spare = conns
	}
}

// flush writes what waits as far as it goes, with the buffer's help, and leaves what does not to the writing goroutine.
func (c *Conn) flush(buffer []byte) {
	d := &c.wire.direct
	if d.raw == nil || !d.mu.TryLock() { // the writing goroutine is at a control frame
		c.wakeWriter()
		return
	}
	defer d.mu.Unlock()
	c.mu.Lock()
	taken := c.queue.take()
	c.mu.Unlock()
	if len(taken) == 0 { // Close has taken it
		return
	}
	chunk, n := gather(buffer, taken)
	c.wire.try(chunk, n > 1)
	c.mu.Lock()
	c.queue.written(taken, n)
	c.queue.woken = len(d.rest) > 0 || len(c.queue.waiting) > 0
	more := c.queue.woken
	c.mu.Unlock()
	switch {
	case len(d.rest) > 0:
		c.wakeWriter()
	case more:
		c.server.flusher.add(c)
	}
}

// wakeWriter has the writing goroutine write what waits.
func (c *Conn) wakeWriter() {
	_ = c.session.Write(wakeUp) // refused only by a session that is closed
}
