package websocket

import (
	"sync"
)

// wakeUp is the message that Melody is given to write when something waits: an empty text, which we never send
// otherwise. Melody's writing goroutine hands it to the wire as a frame of two bytes, and the wire writes what waits.
var wakeUp = []byte{} //nolint:gochecknoglobals // it is empty, and shared by all connections

const (
	// gatherBytes is how much is copied together for one system call; a longer frame goes by itself, without a copy.
	gatherBytes = 64 << 10
	// rounds is how often the writer looks for more before Melody may send pings and close frames in between.
	rounds = 16
)

// gathering are the buffers to copy into. They belong to nobody between two writes, so idle connections have none.
var gathering = sync.Pool{New: func() any { //nolint:gochecknoglobals // a pool is of use only when shared
	buffer := make([]byte, 0, gatherBytes)
	return &buffer
}}

// flush writes what waits, and what comes to wait meanwhile.
func (w *wire) flush() error {
	c := w.owner
	if err := w.put(nil); err != nil {
		return err
	}
	for range rounds {
		c.mu.Lock()
		taken := c.queue.take()
		c.mu.Unlock()
		if taken == nil {
			return nil
		}
		err := w.gather(taken)
		c.mu.Lock()
		c.queue.written(taken)
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	_ = c.session.Write(wakeUp) // the queue still counts as woken
	return nil
}

// gather writes frames with as few system calls as it takes.
func (w *wire) gather(frames []Frame) error {
	if len(frames) == 1 {
		return w.put(frames[0].wire)
	}
	buffer := gathering.Get().(*[]byte)
	defer gathering.Put(buffer)
	gathered := (*buffer)[:0]
	for _, frame := range frames {
		if len(gathered)+len(frame.wire) > gatherBytes {
			if err := w.put(gathered); err != nil {
				return err
			}
			gathered = gathered[:0]
		}
		if len(frame.wire) > gatherBytes {
			if err := w.put(frame.wire); err != nil {
				return err
			}
			continue
		}
		gathered = append(gathered, frame.wire...)
	}
	return w.put(gathered)
}
