package websocket

import "slices"

// queue holds the frames of one connection that are not written yet. Conn.mu guards it.
type queue struct {
	waiting  []Frame
	spare    []Frame // the previous array of waiting, for reuse
	count    int     // frames that wait or are being written
	bytes    int     // bytes of those frames
	assigned bool    // the flusher or the writing goroutine will write the queue, or is writing it
	dropped  bool    // the queue was dropped and takes nothing more

	empty chan struct{} // closed when count reaches 0; nil while nothing waits for that
}

// maxSpare is how many slots an idle connection keeps (2 KB). The larger array of a burst is left to the garbage collector.
const maxSpare = 64

// add queues all frames or none. It reports whether they fit, and whether the caller has to assign the queue to a writer.
func (q *queue) add(frames []Frame, maxCount, maxBytes int) (fits, assign bool) {
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
	assign = !q.assigned
	q.assigned = true
	return true, assign
}

// take returns all waiting frames to a writer. If there are none, the queue is not assigned any more.
func (q *queue) take() []Frame {
	taken := q.waiting
	if len(taken) == 0 {
		q.assigned = false
		return nil
	}
	q.waiting, q.spare = q.spare, nil
	return taken
}

// written removes the first n frames of taken. The others wait again, before later frames, unless the queue was dropped.
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
	case cap(taken) <= maxSpare:
		clear(taken)
		q.spare = taken[:0]
	}
	q.signalEmpty()
}

// drop forgets the waiting frames and refuses later ones.
func (q *queue) drop() {
	for _, frame := range q.waiting {
		q.bytes -= len(frame.wire)
	}
	q.count -= len(q.waiting)
	q.waiting, q.dropped = nil, true
	q.signalEmpty()
}

// whenEmpty returns a channel that is closed when all frames are written or dropped.
func (q *queue) whenEmpty() <-chan struct{} {
	if q.empty == nil {
		q.empty = make(chan struct{})
	}
	empty := q.empty
	q.signalEmpty()
	return empty
}

func (q *queue) signalEmpty() {
	if q.count == 0 && q.empty != nil {
		close(q.empty)
		q.empty = nil
	}
}
