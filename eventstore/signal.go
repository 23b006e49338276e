package eventstore

import "sync"

// positionSignal is the highest position that this process has heard of (of the log's head, or of a checkpoint), and wakes those
// who wait for a higher one.
type positionSignal struct {
	mu       sync.Mutex
	position int64
	advanced chan struct{} // closed and replaced when position grows
}

func newPositionSignal() *positionSignal {
	return &positionSignal{advanced: make(chan struct{})}
}

// advance tells of an event at the position. Lower ones than known change nothing.
func (h *positionSignal) advance(position int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if position > h.position {
		h.position = position
		close(h.advanced)
		h.advanced = make(chan struct{})
	}
}

// current is the highest position heard of, and a channel that is closed once there is a higher one.
func (h *positionSignal) current() (int64, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position, h.advanced
}

// call wakes all who wait for it.
type call struct {
	mu     sync.Mutex
	called chan struct{} // closed and replaced at each call
}

func newCall() *call { return &call{called: make(chan struct{})} }

func (c *call) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.called)
	c.called = make(chan struct{})
}

func (c *call) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.called
}
