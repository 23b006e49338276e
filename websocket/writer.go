package websocket

import (
	"runtime"
	"sync"
	"time"

	"github.com/studycall/studycall/pacing"
)

const (
	// shortestPause is the shortest pause worth a timer.
	shortestPause = 50 * time.Microsecond
	// batchBytes is how much is copied into one system call. A longer frame is written by itself, without a copy.
	batchBytes = 64 << 10
	// rounds is how often the writing goroutine writes the queue before Melody may send pings and close frames in between.
	rounds = 16
)

// wakeUp is the message that makes Melody's writing goroutine write the queue: an empty text, which is never sent otherwise.
// Melody passes it to the wire as a frame of two bytes, and the wire writes the queue in its place.
var wakeUp = []byte{} //nolint:gochecknoglobals // it is empty, and shared by all connections

// buffers hold batches. No buffer belongs to a connection between two writes, so idle connections need none.
var buffers = sync.Pool{New: func() any { //nolint:gochecknoglobals // a pool is of use only when shared
	buffer := make([]byte, 0, batchBytes)
	return &buffer
}}

// flushPause delays the next round of the flusher in proportion to the frames that shared a system call in the last one. Where
// connections get single frames, these are written at once. Where many connections send to many, or one in bursts, the frames
// for a connection share a system call, at most 2 ms later.
func flushPause() pacing.Limits {
	return pacing.Limits{PerItem: 20 * time.Microsecond, Longest: 2 * time.Millisecond}
}

// flusher writes the queues of all connections as far as the network takes them without blocking. To wake a goroutine of each
// connection instead costs some 4 µs, as much as a write. Frames that come for a connection while the flusher serves others share
// one system call. Its goroutine runs only while there is something to write.
type flusher struct {
	mu      sync.Mutex
	waiting []*Conn
	running bool
}

// add assigns the queue of a connection to the flusher.
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

// run serves the waiting connections in rounds, until there are none.
func (f *flusher) run() {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	var spare []*Conn
	var pacer pacing.Pacer
	for {
		if pause := pacer.Delay(flushPause(), time.Now()); pause > shortestPause {
			<-time.After(pause)
		} else {
			runtime.Gosched() // lets goroutines that are about to send do so first
		}
		f.mu.Lock()
		conns := f.waiting
		f.running = len(conns) > 0
		f.waiting = spare[:0]
		f.mu.Unlock()
		if len(conns) == 0 {
			return
		}
		shared := 0
		for _, c := range conns {
			shared += max(0, c.flush(*buffer)-1)
		}
		pacer.Began(time.Now(), shared) // the pause begins when the round has ended
		clear(conns)
		spare = conns
	}
}

// flush writes the queue without blocking, and leaves the rest to the writing goroutine. It returns how many frames shared the
// system call.
func (c *Conn) flush(buffer []byte) int {
	d := &c.wire.direct
	if !d.mu.TryLock() { // a control frame is being written, which may block
		c.wakeWriter()
		return 0
	}
	defer d.mu.Unlock()
	if c.wire.closeSent.Load() { // no frame may follow a close frame
		return 0
	}
	c.mu.Lock()
	taken := c.queue.take()
	c.mu.Unlock()
	if len(taken) == 0 { // they were written with a close frame
		return 0
	}
	chunk, n := batch(buffer, taken)
	c.wire.writeDirectly(chunk, n > 1)
	c.mu.Lock()
	c.queue.written(taken, n)
	c.queue.assigned = len(d.unwritten) > 0 || len(c.queue.waiting) > 0
	more := c.queue.assigned
	c.mu.Unlock()
	switch {
	case len(d.unwritten) > 0:
		c.wakeWriter()
	case more:
		c.server.flusher.add(c)
	}
	return n
}

// wakeWriter assigns the queue to the connection's writing goroutine.
func (c *Conn) wakeWriter() {
	_ = c.session.Write(wakeUp) // refused only by a session that is closed
}

// writeQueue writes the queue, and frames that are added meanwhile. The writing goroutine calls it.
func (w *wire) writeQueue() error {
	c := w.owner
	if err := w.write(nil); err != nil {
		return err
	}
	for range rounds {
		c.mu.Lock()
		taken := c.queue.take()
		c.mu.Unlock()
		if taken == nil {
			return nil
		}
		err := writeBatches(taken, w.write)
		c.mu.Lock()
		c.queue.written(taken, len(taken))
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	c.wakeWriter() // the queue is still assigned
	return nil
}

// writeBatches writes frames with as few system calls as possible.
func writeBatches(frames []Frame, write func([]byte) error) error {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for len(frames) > 0 {
		chunk, n := batch(*buffer, frames)
		if err := write(chunk); err != nil {
			return err
		}
		frames = frames[n:]
	}
	return nil
}

// batch returns the bytes of the first n frames, at least one. Several frames are copied into the buffer.
func batch(buffer []byte, frames []Frame) (bytes []byte, n int) {
	size := len(frames[0].wire)
	for n = 1; n < len(frames) && size+len(frames[n].wire) <= batchBytes; n++ {
		size += len(frames[n].wire)
	}
	if n == 1 {
		return frames[0].wire, 1
	}
	bytes = buffer[:0]
	for _, frame := range frames[:n] {
		bytes = append(bytes, frame.wire...)
	}
	return bytes, n
}
