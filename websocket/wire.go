package websocket

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// linger is how long a peer that was told a close code may take to hang up. To close the socket at once, with bytes
	// of the peer's unread, would send a reset, which takes the code away from it again.
	linger = 2 * time.Second
	// slowWait is how long a peer that is too slow may take to accept what is being written and the close code.
	slowWait = time.Second
	// atOnce is how quickly a read fails when the connection was broken before: while the last message was handled.
	atOnce = 2 * time.Millisecond

	closeFrame = 0x88 // first byte of a close frame (RFC 6455, section 5.5.1)
	wakeFrame  = 0x81 // first byte of a wake-up, with a zero after it
)

// wire is the network connection as gorilla/websocket sees it. Gorilla lets one goroutine write at a time.
type wire struct {
	net.Conn
	owner  *Conn
	direct direct

	heard    atomic.Int64 // when bytes last came, in ns since 1970
	late     atomic.Bool  // the connection failed, and it is not known when: some time after bytes last came
	hurried  atomic.Bool  // deadlines may not be moved any more
	told     atomic.Bool  // a close frame was written
	farewell atomic.Bool  // a close frame was read
	deadline time.Time    // of writes, as the kernel was last told
}

// Read is net.Conn's.
func (w *wire) Read(p []byte) (int, error) {
	began := time.Now()
	n, err := w.Conn.Read(p)
	switch now := time.Now(); {
	case n > 0:
		w.heard.Store(now.UnixNano())
	case err != nil && (now.Sub(began) < atOnce || !isBroken(err)):
		w.late.Store(true)
	}
	return n, err
}

// Write gets whole frames: a wake-up, control frames, and before them the answer to the upgrade.
func (w *wire) Write(p []byte) (int, error) {
	var err error
	switch {
	case len(p) == 2 && p[0] == wakeFrame && p[1] == 0:
		err = w.flush()
	case p[0] == closeFrame:
		err = w.writeClose(p)
	default:
		err = w.put(p)
	}
	if err != nil && !isBroken(err) {
		w.late.Store(true)
	}
	return len(p), err
}

// isBroken says whether the peer's side, or this one, hung up just now; any other failure is that of a peer that is gone
// since nobody knows when.
func isBroken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// writeClose writes a close frame, after what waits if it is this side that closes.
func (w *wire) writeClose(frame []byte) error {
	c := w.owner
	// From before it takes until it has told: the flusher may have taken what comes first, and puts back what it does not write.
	w.direct.mu.Lock()
	defer w.direct.mu.Unlock()
	var frames []Frame
	if c.closing.Load() {
		c.mu.Lock()
		frames = c.queue.take()
		c.mu.Unlock()
	}
	err := putAll(append(slices.Clip(frames), Frame{wire: frame}), w.putLocked)
	w.told.Store(err == nil)
	c.mu.Lock()
	c.queue.written(frames, len(frames))
	c.mu.Unlock()
	return err
}

// put writes bytes, with a fresh deadline, after what is left of what was written directly.
func (w *wire) put(p []byte) error {
	w.direct.mu.Lock()
	defer w.direct.mu.Unlock()
	return w.putLocked(p)
}

// putLocked is put for who holds the lock of direct.
func (w *wire) putLocked(p []byte) error {
	if len(p) == 0 && len(w.direct.rest) == 0 {
		return nil
	}
	if err := w.extend(); err != nil {
		return err
	}
	if err := w.finish(); err != nil || len(p) == 0 {
		return err
	}
	_, err := w.Conn.Write(p)
	return err
}

// extend moves the deadline of writes. That costs as much as a small message, so it is done when a quarter is used up.
func (w *wire) extend() error {
	wait := w.owner.server.config.WriteWait
	now := time.Now()
	if w.deadline.Sub(now) >= wait-wait/4 || w.hurried.Load() {
		return nil
	}
	w.deadline = now.Add(wait)
	return w.Conn.SetWriteDeadline(w.deadline)
}

// SetWriteDeadline does nothing: put sets it.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline is set by Melody for pongs.
func (w *wire) SetReadDeadline(t time.Time) error {
	if w.owner.server.config.PongWait == 0 || w.told.Load() {
		return nil
	}
	return w.Conn.SetReadDeadline(t)
}

// hurry lets what is being written take slowWait more.
func (w *wire) hurry() {
	if !w.hurried.Swap(true) {
		_ = w.Conn.SetWriteDeadline(time.Now().Add(slowWait)) // fails when the connection is gone
	}
}

// Close is called by Melody when either of its goroutines is done. A peer that was told a code is heard a while longer.
func (w *wire) Close() error {
	if !w.told.Load() {
		return w.Conn.Close()
	}
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	return w.Conn.SetReadDeadline(time.Now().Add(linger))
}

// hangUp closes the connection when both goroutines are done.
func (w *wire) hangUp() {
	if w.told.Load() && !w.farewell.Load() {
		_, _ = io.Copy(io.Discard, w.Conn) // until the peer hangs up, or the deadline that Close set
	}
	_ = w.Conn.Close()
}
