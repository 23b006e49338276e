package eventstore

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/studycall/studycall/pacing"
)

const (
	// tailLength is how many of the newest events are held in memory, so that any number of tails costs one read of each event.
	tailLength = 4096
	// tailPage is how many events Next returns at most.
	tailPage = 500
)

// Tail is a catch-up subscription: it returns the events after a position, first those in the log, then new ones as they are
// appended, without a gap or a repetition. It is not safe for concurrent use. Any number of tails may be open.
type Tail struct {
	buffer   *tailBuffer
	position int64
}

// Tail returns a tail that begins after a position (0: at the beginning). It holds nothing that has to be closed.
func (s *Store) Tail(after int64) *Tail { return &Tail{s.tail, max(after, 0)} }

// Next waits until there are events after those that it has returned, and returns up to some hundreds of them, in order. The
// error is ctx's, ErrClosed if the store closes, or the database's, after which Next may be called again.
func (t *Tail) Next(ctx context.Context) ([]Recorded, error) {
	events, err := t.buffer.wait(ctx, t.position)
	if err != nil {
		return nil, err
	}
	t.position = events[len(events)-1].Position
	return events, nil
}

// tailBuffer holds the newest events, read once for all tails.
type tailBuffer struct {
	store *Store
	held  atomic.Pointer[tailEvents]

	reading chan struct{} // holds a token while a goroutine reads the database for all tails
	pacer   pacing.Pacer  // belongs to the goroutine that reads
}

func newTailBuffer(s *Store, head int64) *tailBuffer {
	b := &tailBuffer{store: s, reading: make(chan struct{}, 1)}
	b.held.Store(&tailEvents{start: head})
	return b
}

// wait waits for events after the position, and returns them.
func (b *tailBuffer) wait(ctx context.Context, position int64) ([]Recorded, error) {
	for {
		if err := b.ended(ctx); err != nil {
			return nil, err
		}
		head, advanced := b.store.head.current()
		events, err := b.find(ctx, position, head)
		if err != nil || len(events) > 0 {
			return events, err
		}
		select {
		case <-advanced:
		case <-time.After(pollInterval):
			// In case a notification was lost. If the database is unavailable, the next read returns the error.
			if head, err := b.store.Head(ctx); err == nil {
				b.store.head.advance(head)
			}
		case <-b.store.closing:
		case <-ctx.Done():
		}
	}
}

// ended returns the error if ctx has ended or the store closes.
func (b *tailBuffer) ended(ctx context.Context) error {
	select {
	case <-b.store.closing:
		return ErrClosed
	default:
		return ctx.Err()
	}
}

// find returns the events after the position: from the buffer, which it fills up to the known head, or from the database if they
// are older. It finds none if the log ends before the known head, as after a failover to a standby that lagged.
func (b *tailBuffer) find(ctx context.Context, position, head int64) ([]Recorded, error) {
	events, older := b.held.Load().after(position)
	for len(events) == 0 && !older && position < head {
		grown, err := b.fill(ctx, position)
		if err != nil {
			return nil, err
		}
		if !grown {
			return nil, nil
		}
		events, older = b.held.Load().after(position)
	}
	if older {
		return b.store.ReadAll(ctx, position, tailPage)
	}
	return events, nil
}

// fill reads the events after the newest in the buffer, unless another goroutine has read beyond the position meanwhile. It
// reports whether the buffer has grown.
func (b *tailBuffer) fill(ctx context.Context, position int64) (grown bool, err error) {
	select {
	case b.reading <- struct{}{}:
		defer func() { <-b.reading }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	held := b.held.Load()
	if held.newest() > position {
		return true, nil
	}
	sleep(ctx, b.pacer.Delay(readPace(), time.Now()), b.store.closing)
	if err := b.ended(ctx); err != nil {
		return false, err
	}
	head, _ := b.store.head.current()
	if head-held.newest() > tailLength {
		// No tail has read for long. The buffer begins anew near the head, so that not all events in between have to be read.
		held = &tailEvents{start: head - tailPage}
	}
	began := time.Now()
	events, err := b.store.ReadAll(ctx, held.newest(), tailPage)
	if err != nil {
		return false, err
	}
	b.pacer.Began(began, len(events))
	b.held.Store(held.with(events))
	return len(events) > 0 || held.newest() > position, nil
}

// tailEvents are all events after a position, up to the newest that was read. It never changes: parts of it may be returned.
type tailEvents struct {
	start  int64
	events []Recorded
}

func (e *tailEvents) newest() int64 { return e.start + int64(len(e.events)) }

// after returns some hundreds of the events after the position. If older, the first of them are not held.
func (e *tailEvents) after(position int64) (events []Recorded, older bool) {
	offset := position - e.start
	switch {
	case offset < 0:
		return nil, true
	case offset >= int64(len(e.events)):
		return nil, false
	}
	end := min(offset+tailPage, int64(len(e.events)))
	return e.events[offset:end:end], false
}

// with returns these and newer events, without the older half if they are too many. Call it once: the result shares memory.
func (e *tailEvents) with(newer []Recorded) *tailEvents {
	start, events := e.start, e.events
	if excess := len(events) + len(newer) - tailLength; excess > 0 {
		drop := max(excess, len(events)/2)
		start += int64(drop)
		events = append(make([]Recorded, 0, tailLength), events[drop:]...)
	}
	return &tailEvents{start, append(events, newer...)}
}
