package websocket

import (
	"runtime"
	"sync"
	"time"
)

const (
	// pausePerFrame is how much later the flusher's next round begins for each frame that left together with another in the
	// last one, and longestPause the most of it. Where connections get single frames, these leave at once; where many speak to
	// many, or one in bursts, what comes for one connection leaves in one system call, later by less than anybody hears.
	pausePerFrame = 20 * time.Microsecond
	longestPause  = 2 * time.Millisecond
	// shortestPause is what no timer is set for.
	shortestPause = 50 * time.Microsecond
)

// flusher writes what waits for connections as far as the network takes it at once, and never waits for that. To have each
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
	for together := 0; ; {
		if pause := min(time.Duration(together)*pausePerFrame, longestPause); pause > shortestPause {
			<-time.After(pause)
		} else {
			// Those who have something to say now say it first. Where nobody else can run, this returns at once.
			runtime.Gosched()
		}
		f.mu.Lock()
		conns := f.waiting
		f.running = len(conns) > 0
		f.waiting = spare[:0]
		f.mu.Unlock()
		if len(conns) == 0 {
			return
		}
		together = 0
		for _, c := range conns {
			together += max(0, c.flush(*buffer)-1)
		}
		clear(conns)
		spare = conns
	}
}

// flush writes what waits as far as it goes, with the buffer's help, and leaves what does not to the writing goroutine. It gives
// how many frames left together.
func (c *Conn) flush(buffer []byte) int {
	d := &c.wire.direct
	if !d.mu.TryLock() { // a control frame is being written, which may wait for the network
		c.wakeWriter()
		return 0
	}
	defer d.mu.Unlock()
	if c.wire.told.Load() { // nothing follows a close frame
		return 0
	}
	c.mu.Lock()
	taken := c.queue.take()
	c.mu.Unlock()
	if len(taken) == 0 { // the close frame went out with it
		return 0
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
	return n
}

// wakeWriter has the writing goroutine write what waits.
func (c *Conn) wakeWriter() {
	_ = c.session.Write(wakeUp) // refused only by a session that is closed
}
