package commands

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

const (
	// sittingTimeout bounds the work for the commands that a desk takes at once.
	sittingTimeout = 20 * time.Second
	// sittingLimit is how many commands a desk takes at once.
	sittingLimit = 256
)

// desk is where the commands to one study are dealt with, in the order in which they come. It caches the call: a
// command is decided without reading, and the append's expected version catches a cache that another server has
// overtaken. Commands that come while an append is under way are decided together, each on the state that the one
// before leaves, and appended as one: a busy stream costs one append per round trip, not one per command.
type desk struct {
	log    Log
	stream string

	mu      sync.Mutex
	waiting []*wish
	sitting bool

	// Only the goroutine that sits at the desk uses these.
	call     domain.Call
	version  int64
	position int64
	loaded   bool
}

// wish is one command on its way over the desk.
type wish struct {
	ctx     context.Context
	command domain.Command
	// answer takes what the caller wants to know of the call as it is after the command.
	answer func(domain.Call)

	err      error
	events   int // of the batch, up to and with this command's
	position int64
	done     chan struct{}
}

// decide carries out a command on a study's call and returns the position that the answer rests on. answer is called,
// perhaps more than once, before decide returns; its last call counts.
func (h *Handlers) decide(
	ctx context.Context, studyID string, command domain.Command, answer func(domain.Call),
) (int64, error) {
	w := &wish{ctx: ctx, command: command, answer: answer, done: make(chan struct{})}
	h.desk(studyID).take(w) //nolint:contextcheck // the sitting has a context of its own, see take
	select {
	case <-w.done:
		return w.position, w.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (h *Handlers) desk(studyID string) *desk {
	if d, ok := h.desks.Get(studyID); ok {
		return d
	}
	// Should two be made at once, or one be evicted at work, the expected version keeps both right.
	d := &desk{log: h.log, stream: eventstore.Stream(studyID)}
	if earlier, ok, _ := h.desks.PeekOrAdd(studyID, d); ok {
		return earlier
	}
	return d
}

// take puts a wish on the desk, and sits down if nobody does. The sitting does not belong to any caller: one who goes
// away does not undo the others' commands.
func (d *desk) take(w *wish) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = append(d.waiting, w)
	if !d.sitting {
		d.sitting = true
		go d.sit()
	}
}

func (d *desk) sit() {
	for {
		d.mu.Lock()
		n := min(len(d.waiting), sittingLimit)
		if n == 0 {
			d.sitting = false
			d.mu.Unlock()
			return
		}
		batch := d.waiting[:n:n]
		d.waiting = d.waiting[n:]
		d.mu.Unlock()

		ctx, cancel := context.WithTimeout(context.Background(), sittingTimeout)
		d.dealWith(ctx, batch)
		cancel()
		for _, w := range batch {
			close(w.done)
		}
	}
}

// dealWith decides and appends a batch of wishes, and fills in their outcomes.
func (d *desk) dealWith(ctx context.Context, batch []*wish) {
	err := d.tryTogether(ctx, batch)
	if err == nil {
		return
	}
	d.loaded = false // what reached the log is uncertain: read it anew
	if len(batch) == 1 || errors.Is(err, errCannotRead) || errors.Is(err, eventstore.ErrUnavailable) {
		for _, w := range batch {
			w.err = err
		}
		return
	}
	// One bad event fails the append, but not the neighbours' commands: each on its own. Where the append did reach the
	// log after all, deciding again finds nothing left to do.
	for i := range batch {
		d.dealWith(ctx, batch[i:i+1])
	}
}

var errCannotRead = errors.New("cannot read the call")

// tryTogether repeats deciding and appending until no other server comes in between. Every round that is lost is an
// append that somebody else won.
func (d *desk) tryTogether(ctx context.Context, batch []*wish) error {
	current := false // whether the cached call was just read, and so needs no check
	for {
		if !d.loaded {
			if err := d.load(ctx); err != nil {
				return fmt.Errorf("%w: %w", errCannotRead, err)
			}
			current = true
		}
		after, events := d.decideAll(batch)
		if len(events) == 0 && !current {
			// Nothing to append, so no version check that would tell a stale cache.
			overtaken, err := d.catchUp(ctx)
			if err != nil {
				return fmt.Errorf("%w: %w", errCannotRead, err)
			}
			if current = true; overtaken {
				continue
			}
		}
		if len(events) > 0 {
			position, err := d.log.Append(ctx, d.stream, d.version, events)
			if errors.Is(err, eventstore.ErrConflict) {
				overtaken, err := d.catchUp(ctx)
				if err != nil {
					return fmt.Errorf("%w: %w", errCannotRead, err)
				}
				// A conflict with nobody: the log is not the one that the cache is of.
				current, d.loaded = true, d.loaded && overtaken
				continue
			}
			if err != nil {
				return err
			}
			d.call, d.version = after, d.version+int64(len(events))
			d.answerAll(batch, position-int64(len(events)), position)
			return nil
		}
		d.answerAll(batch, d.position, d.position)
		return nil
	}
}

// answerAll tells each wish on which event its answer rests: its own last one, or if it made none, the one before.
func (d *desk) answerAll(batch []*wish, before, last int64) {
	for _, w := range batch {
		if w.position = d.position; w.events > 0 {
			w.position = before + int64(w.events)
		}
	}
	d.position = last
}

// decideAll decides each wish on the state that those before it leave.
func (d *desk) decideAll(batch []*wish) (after domain.Call, all []domain.Event) {
	after = d.call.Clone()
	for _, w := range batch {
		w.events = len(all)
		if w.err = w.ctx.Err(); w.err != nil {
			continue // the caller is gone, and nothing has been done yet
		}
		var events []domain.Event
		if events, w.err = after.Decide(w.command); w.err != nil {
			continue
		}
		for _, event := range events {
			after.Evolve(event)
		}
		all = append(all, events...)
		w.events = len(all)
		w.answer(after)
	}
	return after, all
}

func (d *desk) load(ctx context.Context) error {
	events, err := d.log.Load(ctx, d.stream)
	if err != nil {
		return err
	}
	d.call, d.version, d.position = domain.Call{}, 0, 0
	if err := d.evolve(events); err != nil {
		return err
	}
	d.loaded = true
	return nil
}

// catchUpLimit is how much a server that has not seen a study for long reads of what others appended, before it reads the
// latest chapter instead.
const catchUpLimit = 200

// catchUp takes in what other servers have appended, and reports whether there was anything. It reads the last known event
// once more: where that is gone, as after a failover to a standby that was behind, all is read anew.
func (d *desk) catchUp(ctx context.Context) (overtaken bool, err error) {
	events, err := d.log.ReadStreamPage(ctx, d.stream, max(0, d.version-1), catchUpLimit)
	if err != nil {
		return false, err
	}
	if len(events) == catchUpLimit {
		return true, d.load(ctx)
	}
	if d.version > 0 {
		if len(events) == 0 || events[0].Position != d.position {
			return true, d.load(ctx)
		}
		events = events[1:]
	}
	return len(events) > 0, d.evolve(events)
}

func (d *desk) evolve(events []eventstore.Recorded) error {
	for _, recorded := range events {
		event, err := recorded.Event()
		if err != nil {
			d.loaded = false
			return err
		}
		d.call.Evolve(event)
		d.version, d.position = recorded.Version, recorded.Position
	}
	return nil
}
