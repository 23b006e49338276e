package websocket

import "slices"

// queue holds the frames that wait for one connection, those that are being written included. Conn's mutex guards it.
type queue struct {
	waiting []Frame
	spare   []Frame // the array that waiting had before
	count   int     // frames, waiting or being written
	bytes   int     // their bytes on the wire
	woken   bool    // the flusher or the writing goroutine is to write what waits, or is at it
	dropped bool    // what waited was given up, and nothing more is taken

	emptied chan struct{} // closed when nothing waits any more; nil while nobody wants to know
}

// whenEmpty is closed as soon as nothing waits.
func (q *queue) whenEmpty() <-chan struct{} {
	if q.emptied == nil {
		q.emptied = make(chan struct{})
	}
	emptied := q.emptied
	q.tellEmpty()
	return emptied
}

func (q *queue) tellEmpty() {
	if q.count == 0 && q.emptied != nil {
		close(q.emptied)
		q.emptied = nil
	}
}

// spareFrames is how many slots an idle connection keeps (2 KB): a burst's array is left to the collector.
const spareFrames = 64

// add takes all frames or none, and says whether the writer has to be woken.
func (q *queue) add(frames []Frame, maxCount, maxBytes int) (fits, wake bool) {
	bytes := 0
	for _, frame := range frames {
		bytes += len(frame.wire)
	}
	if q.count+len(frames) > maxCount || q.bytes+bytes > maxBytes {
		return false, false
	}
	q.waiting = append(q.waiting, frames...)
	q.count += len(frames)
	q.bytes += bytes
	wake = !q.woken
	q.woken = true
	return true, wake
}

// take gives whoever writes all that waits. Where nothing does, the next that is added has to be seen to again.
func (q *queue) take() []Frame {
	taken := q.waiting
	if len(taken) == 0 {
		q.woken = false
		return nil
	}
	q.waiting, q.spare = q.spare, nil
	return taken
}

// written is told that the first n of what was taken are gone. The others wait again, before what came meanwhile, or are given
// up as that was.
func (q *queue) written(taken []Frame, n int) {
	if q.dropped {
		n = len(taken)
	}
	for _, frame := range taken[:n] {
		q.bytes -= len(frame.wire)
	}
	q.count -= n
	switch {
	case n < len(taken):
		q.waiting = append(slices.Clone(taken[n:]), q.waiting...)
	case cap(taken) <= spareFrames:
		clear(taken)
		q.spare = taken[:0]
	}
	q.tellEmpty()
}

// drop forgets what waits.
func (q *queue) drop() {
	for _, frame := range q.waiting {
		q.bytes -= len(frame.wire)
	}
	q.count -= len(q.waiting)
	q.waiting, q.dropped = nil, true
	q.tellEmpty()
}
