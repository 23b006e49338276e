package websocket

import (
	"sync"
)

// wakeUp is the message that Melody is given to write when something waits that the flusher cannot write at once: an empty text,
// which we never send otherwise. Melody's writing goroutine hands it to the wire as a frame of two bytes, and the wire writes
// what waits.
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
		err := putAll(taken, w.put)
		c.mu.Lock()
		c.queue.written(taken, len(taken))
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	c.wakeWriter() // the queue still counts as woken
	return nil
}

// putAll has frames written with as few system calls as it takes.
func putAll(frames []Frame, put func([]byte) error) error {
	buffer := gathering.Get().(*[]byte)
	defer gathering.Put(buffer)
	for len(frames) > 0 {
		chunk, n := gather(*buffer, frames)
		if err := put(chunk); err != nil {
			return err
		}
		frames = frames[n:]
	}
	return nil
}

// gather is the bytes of the first n of some frames, at least one: in the buffer, unless it is only one.
func gather(buffer []byte, frames []Frame) (bytes []byte, n int) {
	size := len(frames[0].wire)
	for n = 1; n < len(frames) && size+len(frames[n].wire) <= gatherBytes; n++ {
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
