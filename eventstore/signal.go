package eventstore

import (
	"context"
	"sync"
	"time"
)

// positionSignal holds the highest known position, of the log's head or of a checkpoint, and wakes the goroutines that wait
// for a higher one. All methods may be called concurrently.
type positionSignal struct {
	mu       sync.Mutex
	position int64
	advanced chan struct{} // closed and replaced when position grows
}

func newPositionSignal() *positionSignal {
	return &positionSignal{advanced: make(chan struct{})}
}

// advance raises the known position. A position that is not higher changes nothing.
func (s *positionSignal) advance(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if position > s.position {
		s.position = position
		close(s.advanced)
		s.advanced = make(chan struct{})
	}
}

// current returns the highest known position, and a channel that is closed when a higher one is known.
func (s *positionSignal) current() (int64, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position, s.advanced
}

// broadcast wakes all goroutines that wait for it. All methods may be called concurrently.
type broadcast struct {
	mu   sync.Mutex
	sent chan struct{} // closed and replaced by each send
}

func newBroadcast() *broadcast { return &broadcast{sent: make(chan struct{})} }

func (b *broadcast) send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.sent)
	b.sent = make(chan struct{})
}

// next returns a channel that the next send closes.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sent
}

// sleep returns after the duration, when wakeup is closed, or when ctx ends. A nil wakeup is never closed.
func sleep(ctx context.Context, duration time.Duration, wakeup <-chan struct{}) {
	if duration <= 0 {
		return
	}
	select {
	case <-time.After(duration):
	case <-wakeup:
	case <-ctx.Done():
	}
}
