package websocket

import (
	"sync"
	"syscall"
)

// direct writes to the network without waiting for it.
type direct struct {
	mu    sync.Mutex // held by whoever writes to the network; Conn's mutex may be taken within it
	raw   syscall.RawConn
	do    func(fd uintptr) bool // is write, kept to be made once
	bytes []byte
	rest  []byte // what the network did not take; goes out before anything else
}

// prepare is given the network connection; to one that is no socket, as under TLS, nothing is written directly.
func (d *direct) prepare(conn any) {
	if socket, is := conn.(syscall.Conn); is {
		if raw, err := socket.SyscallConn(); err == nil {
			d.raw, d.do = raw, d.write
		}
	}
}

// write takes what fits, and leaves errors to the writing goroutine, which meets them again.
func (d *direct) write(fd uintptr) bool {
	if n, err := syscall.Write(int(fd), d.bytes); err == nil && n > 0 {
		d.rest = d.bytes[n:]
	}
	return true // do not wait until there is room
}

// try writes what fits of some bytes, and keeps the rest, a copy if the bytes are borrowed. The caller holds the lock of
// direct.
func (w *wire) try(bytes []byte, borrowed bool) {
	d := &w.direct
	d.bytes, d.rest = bytes, bytes
	if w.extend() == nil {
		_ = d.raw.Write(d.do) // with an error, all is left
	}
	d.bytes = nil
	switch {
	case len(d.rest) == 0:
		d.rest = nil
	case borrowed:
		d.rest = append([]byte(nil), d.rest...)
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
