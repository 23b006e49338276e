package eventstore

import (
	"context"
	"sync"
	"time"
)

// tailLength is how many of the newest events are held in memory for those who follow the log, so that any number of
// followers costs one read of each event.
const tailLength = 4096

// tailPage is how many events a follower gets at once at most.
const tailPage = 500

// Tail is a catch-up subscription: it reads the log from a position on, first what is there, then what comes, without
// a seam, since a position is all that it remembers. It is not safe for concurrent use; any number may be open.
type Tail struct {
	buffer   *tailBuffer
	position int64
}

// Tail follows the log after a position (0: from the beginning). It holds nothing that would have to be closed.
func (s *Store) Tail(after int64) *Tail { return &Tail{s.tail, max(after, 0)} }

// Next waits until there are events after the last ones it gave, and returns them in order, at most some hundreds.
// Errors: ctx's, ErrClosed when the store closes, or the database's, after which Next may be called again.
func (t *Tail) Next(ctx context.Context) ([]Recorded, error) {
	events, err := t.buffer.after(ctx, t.position)
	if err != nil {
		return nil, err
	}
	t.position = events[len(events)-1].Position
	return events, nil
}

// Position is that of the last event that Next gave, or where the tail was opened.
func (t *Tail) Position() int64 { return t.position }

// tailBuffer holds the newest events, read once for all tails: all those after start, up to the newest that was read.
// The slice is only ever appended to or replaced, so parts of it may be handed out.
type tailBuffer struct {
	store *Store

	mu     sync.Mutex
	start  int64
	events []Recorded

	// refilling admits one reader of the database at a time; the others find what it read. Whoever is in may use pace.
	refilling chan struct{}
	pace      pace
}

func newTailBuffer(s *Store, head int64) *tailBuffer {
	return &tailBuffer{store: s, start: head, refilling: make(chan struct{}, 1)}
}

// after waits for the events after a position.
func (b *tailBuffer) after(ctx context.Context, position int64) ([]Recorded, error) {
	for {
		select {
		case <-b.store.closing:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		default:
		}
		head, advanced := b.store.head.current()
		events, older := b.buffered(position)
		if older {
			var err error
			if events, err = b.store.ReadAll(ctx, position, tailPage); err != nil {
				return nil, err
			}
		}
		if len(events) > 0 {
			return events, nil
		}
		if position < head && !older {
			read, err := b.refill(ctx, position)
			if err != nil {
				return nil, err
			}
			if read > 0 || b.newest() > position {
				continue
			}
		}
		// What was heard of, or is held, and is not in the log, as after a failover to a standby that was behind, is waited for.
		select {
		case <-advanced:
		case <-time.After(pollInterval):
			// Should the notification be lost, this is what wakes. An error here shows in the next read.
			if head, err := b.store.Head(ctx); err == nil {
				b.store.head.advance(head)
			}
		case <-b.store.closing:
		case <-ctx.Done():
		}
	}
}

// buffered gives the held events after a position; older says that the buffer begins later than that.
func (b *tailBuffer) buffered(position int64) (events []Recorded, older bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	offset := position - b.start
	switch {
	case offset < 0:
		return nil, true
	case offset >= int64(len(b.events)):
		return nil, false
	}
	end := min(offset+tailPage, int64(len(b.events)))
	return b.events[offset:end:end], false
}

// refill reads what came after the newest event held, and tells how many there were. Where somebody else has read beyond the
// position meanwhile, it need not.
func (b *tailBuffer) refill(ctx context.Context, position int64) (int, error) {
	select {
	case b.refilling <- struct{}{}:
		defer func() { <-b.refilling }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if b.newest() > position {
		return 0, nil
	}
	if pause := b.pace.pause(); pause > 0 {
		select {
		case <-time.After(pause):
		case <-b.store.closing:
			return 0, ErrClosed
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	b.pace = pace{read: time.Now()}
	head, _ := b.store.head.current()
	newest := b.newest()
	if head-newest > tailLength {
		// Nobody has followed for long: begin anew near the end rather than read all of what was missed.
		newest = head - tailPage
		b.replace(newest, nil)
	}
	events, err := b.store.ReadAll(ctx, newest, tailPage)
	if err != nil {
		return 0, err
	}
	b.pace.events = len(events)
	b.mu.Lock()
	defer b.mu.Unlock()
	if excess := len(b.events) + len(events) - tailLength; excess > 0 {
		drop := max(excess, len(b.events)/2)
		b.start += int64(drop)
		b.events = append(make([]Recorded, 0, tailLength), b.events[drop:]...)
	}
	b.events = append(b.events, events...)
	return len(events), nil
}

func (b *tailBuffer) newest() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.start + int64(len(b.events))
}

func (b *tailBuffer) replace(start int64, events []Recorded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.start, b.events = start, events
}
