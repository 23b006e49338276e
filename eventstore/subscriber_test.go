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

func TestASubscriberFoldsTheLogInSlices(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const before, after = eventstore.SliceLimit*2 + 10, 25
	fill(t, s, "call-a", before)
	table := newFoldTable(t, s)
	sizes := make(chan int, before+after)
	stop := follow(t, s, "seen", func(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
		sizes <- len(events)
		return table.apply(ctx, tx, events)
	})
	waitForCheckpoint(t, s, "seen", before)
	for i := range after {
		appendEvents(t, s, "call-a", int64(before+i), muted("s", "x"))
		waitForCheckpoint(t, s, "seen", int64(before+i+1))
	}
	stop()
	table.equalsLog(t, before+after)
	if first := <-sizes; first != eventstore.SliceLimit {
		t.Errorf("the first slice held %d events, want %d", first, eventstore.SliceLimit)
	}
	if position, failure := checkpoint(t, s, "seen"); position != before+after || failure != "" {
		t.Errorf("the checkpoint is at %d with %q", position, failure)
	}
}

// A handler gets the same events as a reader of the log, in every field.
func TestASliceEqualsTheLog(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	appendEvents(t, s, "call-스터디", 0, started("s1", `김"철수\`), muted("s1", "이\u0000영\u2028희"), muted("s1", "<&>"))
	received := make(chan []eventstore.Recorded, 1)
	stop := follow(t, s, "any", func(_ context.Context, _ pgx.Tx, events []eventstore.Recorded) error {
		received <- events
		return nil
	})
	defer stop()
	want := wholeLog(t, s)
	got := <-received
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

// A consumer begins at the beginning of the log, and continues at its checkpoint, also on another server.
func TestASubscriberContinuesAtItsCheckpoint(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	table := newFoldTable(t, a)
	fill(t, a, "call-a", 10)
	stop := follow(t, a, "seen", table.apply)
	waitForCheckpoint(t, a, "seen", 10)
	stop()
	fill(t, a, "call-b", 10)
	stop = follow(t, b, "seen", table.apply)
	waitForCheckpoint(t, a, "seen", 20) // on a, although b folds
	stop()
	table.equalsLog(t, 20)
}

// An event that cannot be folded stops its projection before that event and records the error. Other projections continue.
func TestAFailingEventStopsOneProjection(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){
		"error": func() {},
		"panic": func() { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			const n, bad = 40, 17
			table := newFoldTable(t, s)
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
			waitForCheckpoint(t, s, "other", n)
			if position, _ := checkpoint(t, s, "seen"); position != bad-1 {
				t.Errorf("stopped at position %d, want %d", position, bad-1)
			}
			table.equalsLog(t, bad-1)
			if _, failure := checkpoint(t, s, "other"); failure != "" {
				t.Errorf("the other projection has the error %q", failure)
			}
			fixed.Store(true)
			waitForCheckpoint(t, s, "seen", n)
			table.equalsLog(t, n)
			if _, failure := checkpoint(t, s, "seen"); failure != "" {
				t.Errorf("the error %q is still recorded", failure)
			}
		})
	}
}

// Retry makes the next try come at once, whatever the backoff. It works on any server.
func TestRetrySkipsTheBackoff(t *testing.T) {
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
	// With the backoff, so many tries would take longer than the test waits.
	for n := range int64(20) {
		check.Eventually(t, "the event is retried", func() bool {
			if err := b.Retry(t.Context(), "seen"); err != nil {
				t.Error(err)
			}
			return tries.Load() > n
		})
	}
	fixed.Store(true)
	check.Eventually(t, "the event is retried", func() bool {
		if err := b.Retry(t.Context(), "seen"); err != nil {
			t.Error(err)
		}
		position, failure := checkpoint(t, a, "seen")
		return position == 1 && failure == ""
	})
}

// The recorded error is the handler's, without a prefix by watermill-sql.
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

// The end of a subscription waits for a handler that is running, and rolls its writes back.
func TestACancelledSliceIsRolledBack(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	fill(t, s, "call-a", 5)
	table := newFoldTable(t, s)
	working, proceed := make(chan struct{}), make(chan struct{})
	var wrote error
	stop := follow(t, s, "seen", func(_ context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
		close(working)
		<-proceed
		wrote = table.apply(context.Background(), tx, events) // the transaction is still open
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
		t.Error("stopped while the handler was running")
	case <-time.After(50 * time.Millisecond):
	}
	close(proceed)
	<-stopped
	if wrote != nil {
		t.Errorf("the handler could not write: %v", wrote)
	}
	table.equalsLog(t, 0)
	stop = follow(t, s, "seen", table.apply)
	waitForCheckpoint(t, s, "seen", 5)
	stop()
	table.equalsLog(t, 5)
}

// A message of another subscriber has no slice.
func TestHandleRefusesMessagesOfOtherSubscribers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	handle := s.Handle(func(context.Context, pgx.Tx, []eventstore.Recorded) error {
		t.Error("the events were applied")
		return nil
	})
	if err := handle(message.NewMessage("1", nil)); err == nil {
		t.Error("accepted a message that is not from the store's subscriber")
	}
}

func TestWaitFor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := s.WaitFor(t.Context(), "unknown", 1); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("waiting for an unknown consumer: got error %v", err)
	}
	for range 2 { // the second time, the checkpoint exists
		createCheckpoint(t, s, "seen")
		execute(t, s.pool, `update checkpoints set position = position + 5`)
	}
	if position, _ := checkpoint(t, s, "seen"); position != 10 {
		t.Errorf("the checkpoint is at %d, want 10: EnsureCheckpoint reset it", position)
	}
	waitForCheckpoint(t, s, "seen", 10)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	wantError(t, s.WaitFor(ctx, "seen", 11), context.DeadlineExceeded)
}
