package websocket

import (
	"sync"
	"syscall"
)

// directBytes is from how many bytes on a frame for an idle connection is written by whoever sends it. To wake the writing
// goroutine costs some 4 µs, a sixth of what passing on an offer costs in all. Smaller frames come in crowds: what wakes the
// writer for the first of them is won back by the system call that carries all.
const directBytes = 1 << 10

// direct writes to the network without waiting for it.
type direct struct {
	mu    sync.Mutex // held by whoever writes; taken after Conn's mutex only by TryLock
	raw   syscall.RawConn
	do    func(fd uintptr) bool // is write, kept to be made once
	frame []byte
	rest  []byte // what the network did not take; goes out before anything else
}

// prepare is given the network connection; of one that is no socket, as under TLS, nothing is written directly.
func (d *direct) prepare(conn any) {
	if socket, is := conn.(syscall.Conn); is {
		if raw, err := socket.SyscallConn(); err == nil {
			d.raw, d.do = raw, d.write
		}
	}
}

// write takes what fits, and leaves errors to the writing goroutine, which meets them again.
func (d *direct) write(fd uintptr) bool {
	if n, err := syscall.Write(int(fd), d.frame); err == nil && n > 0 {
		d.rest = d.frame[n:]
	}
	return true // do not wait until there is room
}

// begin claims an idle connection for a frame; the caller holds the mutex. send has to follow.
func (c *Conn) begin(frames []Frame) bool {
	if len(frames) != 1 || len(frames[0].wire) < directBytes || len(frames[0].wire) > c.server.config.QueueBytes ||
		c.queue.woken || c.wire.direct.raw == nil || !c.wire.direct.mu.TryLock() {
		return false
	}
	c.queue.woken = true // what comes meanwhile waits behind it
	return true
}

// send writes the frame as far as it goes at once, and has the writing goroutine do what is left to do.
func (c *Conn) send(frame Frame) {
	d := &c.wire.direct
	d.frame, d.rest = frame.wire, frame.wire
	if c.wire.extend() == nil {
		_ = d.raw.Write(d.do) // with an error, all is left
	}
	left := len(d.rest) > 0
	d.frame = nil
	d.mu.Unlock()
	if !left {
		c.mu.Lock()
		left = len(c.queue.waiting) > 0
		c.queue.woken = left
		c.mu.Unlock()
	}
	if left {
		_ = c.session.Write(wakeUp) // refused only by a session that is closed
	}
}

// finish writes what the network did not take before. The caller holds the lock of direct.
func (w *wire) finish() error {
	rest := w.direct.rest
	if len(rest) == 0 {
		return nil
	}
	w.direct.rest = nil
	_, err := w.Conn.Write(rest)
	return err
}
