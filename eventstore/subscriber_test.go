package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/eventstore"
)

func TestASubscriberFoldsTheLog(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const before, after = eventstore.SliceLimit*2 + 10, 25
	fill(t, s, "call-a", before)
	table := seenTable(t, s)
	sizes := make(chan int, before+after)
	stop := follow(t, s, "seen", func(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
		sizes <- len(events)
		return table.apply(ctx, tx, events)
	})
	handled(t, s, "seen", before)
	for i := range after {
		mustAppend(t, s, "call-a", int64(before+i), muted("s", "x"))
		handled(t, s, "seen", int64(before+i+1))
	}
	stop()
	table.equalsLog(t, s, before+after)
	if first := <-sizes; first != eventstore.SliceLimit {
		t.Errorf("the first slice held %d events, want %d", first, eventstore.SliceLimit)
	}
	if position, failure := checkpoint(t, s, "seen"); position != before+after || failure != "" {
		t.Errorf("the checkpoint is at %d with %q", position, failure)
	}
}

// What a handler is given is what a reader of the log reads, to the last field.
func TestASliceHoldsWhatTheLogHolds(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	mustAppend(t, s, "call-스터디", 0, started("s1", `김"철수\`), muted("s1", "이\u0000영\u2028희"), muted("s1", "<&>"))
	given := make(chan []eventstore.Recorded, 1)
	stop := follow(t, s, "any", func(_ context.Context, _ pgx.Tx, events []eventstore.Recorded) error {
		given <- events
		return nil
	})
	defer stop()
	want := wholeLog(t, s)
	got := <-given
	if len(got) != len(want) {
		t.Fatalf("got %d events, want %d", len(got), len(want))
	}
	for i := range want {
		if fmt.Sprintf("%+v", got[i]) != fmt.Sprintf("%+v", want[i]) {
			t.Errorf("got\n%+v, want\n%+v", got[i], want[i])
		}
		if describe(t, got[i]) != describe(t, want[i]) {
			t.Errorf("got %q, want %q", describe(t, got[i]), describe(t, want[i]))
		}
	}
}

// A consumer begins at the beginning, and goes on where it was, also on another server.
func TestASubscriberGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	table := seenTable(t, a)
	fill(t, a, "call-a", 10)
	stop := follow(t, a, "seen", table.apply)
	handled(t, a, "seen", 10)
	stop()
	fill(t, a, "call-b", 10)
	stop = follow(t, b, "seen", table.apply)
	handled(t, a, "seen", 20) // a hears of it though it runs on b
	stop()
	table.equalsLog(t, a, 20)
}

// One event that cannot be folded stops its own projection, right before it, and says so where operators look.
func TestAFailingEventStopsItsProjectionAlone(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){
		"error": func() {},
		"panic": func() { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			const n, bad = 40, 17
			table := seenTable(t, s)
			var fixed atomic.Bool
			fill(t, s, "call-a", n)
			stop := follow(t, s, "seen", func(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
				if err := table.apply(ctx, tx, events); err != nil {
					return err
				}
				if events[0].Position <= bad && bad <= events[len(events)-1].Position && !fixed.Load() {
					fail()
					return errors.New("boom")
				}
				return nil
			})
			defer stop()
			stopOther := follow(t, s, "other", func(context.Context, pgx.Tx, []eventstore.Recorded) error { return nil })
			defer stopOther()

			check.Eventually(t, "the error is recorded", func() bool {
				_, failure := checkpoint(t, s, "seen")
				return strings.Contains(failure, "boom")
			})
			handled(t, s, "other", n)
			if position, _ := checkpoint(t, s, "seen"); position != bad-1 {
				t.Errorf("stopped at position %d, want %d", position, bad-1)
			}
			table.equalsLog(t, s, bad-1)
			if _, failure := checkpoint(t, s, "other"); failure != "" {
				t.Errorf("the other projection has the error %q", failure)
			}
			fixed.Store(true)
			handled(t, s, "seen", n)
			table.equalsLog(t, s, n)
			if _, failure := checkpoint(t, s, "seen"); failure != "" {
				t.Errorf("the error %q is still there", failure)
			}
		})
	}
}

// Whoever has mended what was wrong need not wait for the next try, which is later after each failure; and may ask on
// any server.
func TestRetry(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	fill(t, a, "call-a", 1)
	var tries atomic.Int64
	var fixed atomic.Bool
	stop := follow(t, a, "seen", func(context.Context, pgx.Tx, []eventstore.Recorded) error {
		tries.Add(1)
		if fixed.Load() {
			return nil
		}
		return errors.New("boom")
	})
	defer stop()
	// Of themselves, so many tries would take longer than anybody waits here.
	for n := range int64(20) {
		check.Eventually(t, "it was tried again", func() bool {
			if err := b.Retry(t.Context(), "seen"); err != nil {
				t.Error(err)
			}
			return tries.Load() > n
		})
	}
	fixed.Store(true)
	check.Eventually(t, "it was tried again", func() bool {
		if err := b.Retry(t.Context(), "seen"); err != nil {
			t.Error(err)
		}
		position, failure := checkpoint(t, a, "seen")
		return position == 1 && failure == ""
	})
}

// What operators read is the handler's error, and nothing of the machinery around it.
func TestTheRecordedErrorIsTheHandlers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	fill(t, s, "call-a", 1)
	stop := follow(t, s, "seen", func(context.Context, pgx.Tx, []eventstore.Recorded) error { return errors.New("boom") })
	defer stop()
	var failure string
	check.Eventually(t, "the error is recorded", func() bool {
		_, failure = checkpoint(t, s, "seen")
		return failure != ""
	})
	if strings.Contains(failure, "acking") {
		t.Errorf("the recorded error is %q", failure)
	}
}

// While a handler works, whoever ends the subscription waits for it, and what it wrote is undone.
func TestACancelledSliceIsRolledBack(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	fill(t, s, "call-a", 5)
	table := seenTable(t, s)
	working, proceed := make(chan struct{}), make(chan struct{})
	var wrote error
	stop := follow(t, s, "seen", func(_ context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
		close(working)
		<-proceed
		wrote = table.apply(context.Background(), tx, events) // its transaction is still there
		return nil
	})
	<-working
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	select {
	case <-stopped:
		t.Error("stopped while the handler worked")
	case <-time.After(50 * time.Millisecond):
	}
	close(proceed)
	<-stopped
	if wrote != nil {
		t.Errorf("the handler lost its transaction: %v", wrote)
	}
	table.equalsLog(t, s, 0)
	stop = follow(t, s, "seen", table.apply)
	handled(t, s, "seen", 5)
	stop()
	table.equalsLog(t, s, 5)
}

// A handler that waits for a message of another subscriber has no transaction to write in.
func TestHandleRefusesOthersMessages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	handle := s.Handle(func(context.Context, pgx.Tx, []eventstore.Recorded) error {
		t.Error("handled")
		return nil
	})
	if err := handle(message.NewMessage("1", nil)); err == nil {
		t.Error("took a message that is not of the store's subscriber")
	}
}

func TestWaitFor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := s.WaitFor(t.Context(), "nobody", 1); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("waiting for nobody: got error %v", err)
	}
	for range 2 { // the second time it exists
		createCheckpoint(t, s, "seen")
		execute(t, s.pool, `update checkpoints set position = position + 5`)
	}
	if position, _ := checkpoint(t, s, "seen"); position != 10 {
		t.Errorf("the checkpoint is at %d, want 10: making sure of it set it back", position)
	}
	handled(t, s, "seen", 10)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	fails(t, s.WaitFor(ctx, "seen", 11), context.DeadlineExceeded)
}
