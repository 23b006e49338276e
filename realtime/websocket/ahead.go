package websocket

import "sync"

// aheadBytes is how much is read at once when more is known to wait than gorilla's read buffer (4 KB) holds.
const aheadBytes = 16 << 10

// aheads are the buffers to read ahead into: idle connections have none. With a buffer of 16 KB for each connection
// instead, relay costs about as much, and every idle connection 12 KB more.
var aheads = sync.Pool{New: func() any { //nolint:gochecknoglobals // a pool is of use only when shared
	buffer := make([]byte, aheadBytes)
	return &buffer
}}

// ahead is what was read from the connection before gorilla asked for it. The reading goroutine's alone.
type ahead struct {
	buffer *[]byte // nil when nothing was
	rest   []byte  // of it, to be handed on
	more   bool    // the last read filled what it was given, so there is probably more
}

// read reads, through a buffer when there is probably much.
func (a *ahead) read(p []byte, from func([]byte) (int, error)) (int, error) {
	if len(a.rest) == 0 {
		if !a.more || len(p) >= aheadBytes {
			n, err := from(p)
			a.more = n == len(p)
			return n, err
		}
		a.buffer = aheads.Get().(*[]byte)
		n, err := from(*a.buffer)
		a.rest, a.more = (*a.buffer)[:n], n == aheadBytes
		if n == 0 {
			a.release()
			return 0, err
		}
	}
	n := copy(p, a.rest)
	if a.rest = a.rest[n:]; len(a.rest) == 0 {
		a.release()
	}
	return n, nil
}

func (a *ahead) release() {
	aheads.Put(a.buffer)
	a.buffer, a.rest = nil, nil
}
