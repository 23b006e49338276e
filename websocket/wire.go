package websocket

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// closeWait is how long a peer that was sent a close frame may take to hang up. Closing the socket at once, while bytes of
	// the peer are unread, would send a reset, and the peer would lose the close frame.
	closeWait = 2 * time.Second
	// slowWait is how long a peer that is too slow may take to accept the write in progress and the close frame.
	slowWait = time.Second
	// immediate is how soon a read fails when the connection broke before it: while the last message was handled.
	immediate = 2 * time.Millisecond
)

// wire is the network connection as gorilla/websocket uses it. Gorilla lets one goroutine write at a time.
type wire struct {
	net.Conn
	owner  *Conn
	direct direct

	lastRead      atomic.Int64 // when bytes last came, in ns since 1970
	failedLate    atomic.Bool  // the connection failed at an unknown time after lastRead
	closingFast   atomic.Bool  // the write deadline must not be extended any more
	closeSent     atomic.Bool  // a close frame was written
	closeReceived atomic.Bool  // a close frame was read
	deadline      time.Time    // the current write deadline
}

// direct writes to the socket without blocking.
type direct struct {
	mu        sync.Mutex // serialises all writes; Conn.mu may be locked while it is held
	raw       syscall.RawConn
	writeFD   func(fd uintptr) bool // the method write, kept to avoid an allocation per call
	bytes     []byte
	unwritten []byte // what the network did not take; it is written before anything else
}

// prepare sets the network connection. Direct writes stay off if it is not a socket, as under TLS.
func (d *direct) prepare(conn any) {
	if socket, ok := conn.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			d.raw, d.writeFD = raw, d.write
		}
	}
}

// write writes what fits. It ignores errors: the writing goroutine will meet them again.
func (d *direct) write(fd uintptr) bool {
	if n, err := syscall.Write(int(fd), d.bytes); err == nil && n > 0 {
		d.unwritten = d.bytes[n:]
	}
	return true // do not wait until the socket is writable
}

// writeDirectly writes what fits and keeps the rest: a copy of it if the caller will reuse the bytes. The caller holds direct.mu.
func (w *wire) writeDirectly(bytes []byte, reused bool) {
	d := &w.direct
	d.bytes, d.unwritten = bytes, bytes
	if w.extendDeadline() == nil {
		_ = d.raw.Write(d.writeFD) // on an error, everything is unwritten
	}
	d.bytes = nil
	switch {
	case len(d.unwritten) == 0:
		d.unwritten = nil
	case reused:
		d.unwritten = append([]byte(nil), d.unwritten...)
	}
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	start := time.Now()
	n, err := w.Conn.Read(p)
	now := time.Now()
	switch {
	case n > 0:
		w.lastRead.Store(now.UnixNano())
	case err != nil && (now.Sub(start) < immediate || !isBroken(err)):
		w.failedLate.Store(true)
	}
	return n, err
}

// Write implements net.Conn. Gorilla passes whole frames: a wake-up or a control frame. Before them net/http passes the answer to
// the upgrade.
func (w *wire) Write(p []byte) (int, error) {
	var err error
	switch {
	case len(p) == 2 && p[0] == textFrame && p[1] == 0: // the wake-up
		err = w.writeQueue()
	case p[0] == closeFrame:
		err = w.writeClose(p)
	default:
		err = w.write(p)
	}
	if err != nil && !isBroken(err) {
		w.failedLate.Store(true)
	}
	return len(p), err
}

// isBroken reports whether either side hung up just now. After any other failure, the peer disconnected at an unknown time.
func isBroken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// writeClose writes a close frame. If this side closes, the queue is written first.
func (w *wire) writeClose(frame []byte) error {
	c := w.owner
	// The lock is held from before the queue is taken, because the flusher puts back frames that it took and could not write.
	w.direct.mu.Lock()
	defer w.direct.mu.Unlock()
	var frames []Frame
	if c.closing.Load() {
		c.mu.Lock()
		frames = c.queue.take()
		c.mu.Unlock()
	}
	err := writeBatches(append(slices.Clip(frames), Frame{wire: frame}), w.writeLocked)
	w.closeSent.Store(err == nil)
	c.mu.Lock()
	c.queue.written(frames, len(frames))
	c.mu.Unlock()
	return err
}

// write writes what a direct write left, and then p.
func (w *wire) write(p []byte) error {
	w.direct.mu.Lock()
	defer w.direct.mu.Unlock()
	return w.writeLocked(p)
}

// writeLocked is write for a caller that holds direct.mu.
func (w *wire) writeLocked(p []byte) error {
	unwritten := w.direct.unwritten
	w.direct.unwritten = nil
	for _, bytes := range [][]byte{unwritten, p} {
		if len(bytes) == 0 {
			continue
		}
		if err := w.extendDeadline(); err != nil {
			return err
		}
		if _, err := w.Conn.Write(bytes); err != nil {
			return err
		}
	}
	return nil
}

// extendDeadline moves the write deadline. That costs as much as a small message, so it is done when a quarter of the time has
// passed.
func (w *wire) extendDeadline() error {
	wait := w.owner.server.config.WriteWait
	now := time.Now()
	if w.deadline.Sub(now) >= wait-wait/4 || w.closingFast.Load() {
		return nil
	}
	w.deadline = now.Add(wait)
	return w.Conn.SetWriteDeadline(w.deadline)
}

// SetWriteDeadline implements net.Conn. It does nothing: each write sets the deadline.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn. Melody calls it for pongs.
func (w *wire) SetReadDeadline(t time.Time) error {
	if w.owner.server.config.PongWait == 0 || w.closeSent.Load() {
		return nil
	}
	return w.Conn.SetReadDeadline(t)
}

// closeFast bounds the write in progress, and later ones, by slowWait.
func (w *wire) closeFast() {
	if !w.closingFast.Swap(true) {
		_ = w.Conn.SetWriteDeadline(time.Now().Add(slowWait)) // fails when the connection is closed
	}
}

// Close implements net.Conn. Melody calls it when either of its goroutines ends. After a close frame only the writing side is
// closed, until hangUp.
func (w *wire) Close() error {
	if !w.closeSent.Load() {
		return w.Conn.Close()
	}
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	return w.Conn.SetReadDeadline(time.Now().Add(closeWait))
}

// hangUp closes the connection when both goroutines have ended.
func (w *wire) hangUp() {
	if w.closeSent.Load() && !w.closeReceived.Load() {
		_, _ = io.Copy(io.Discard, w.Conn) // until the peer hangs up, or the deadline of Close
	}
	_ = w.Conn.Close()
}
