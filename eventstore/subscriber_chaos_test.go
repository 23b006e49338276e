package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/eventstore"
)

// chaos folds into a table, and fails at random in every way in which a handler can fail, until calm is set.
type chaos struct {
	table foldTable
	calm  atomic.Bool

	errors, panics, partly atomic.Int64
}

func (c *chaos) apply(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	if c.calm.Load() {
		return c.table.apply(ctx, tx, events)
	}
	switch rand.IntN(8) {
	case 0:
		c.errors.Add(1)
		return errors.New("failed before it began")
	case 1:
		c.partly.Add(1)
		if err := c.table.apply(ctx, tx, events[:rand.IntN(len(events))]); err != nil {
			return err
		}
		return errors.New("failed in the middle")
	case 2:
		c.panics.Add(1)
		if err := c.table.apply(ctx, tx, events); err != nil {
			return err
		}
		panic("after everything was written")
	case 3:
		c.errors.Add(1)
		_, err := tx.Exec(ctx, `insert into no_such_table values (1)`)
		return err
	}
	return c.table.apply(ctx, tx, events)
}

// Two servers compete under one name. Their handlers fail and panic, their connections are cut, and their subscriptions are
// cancelled and started again, while others append. In the end each event was folded once, in order.
func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: takes 10 s")
	}
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	c := &chaos{table: newFoldTable(t, a)}
	n := int64(3000)
	fill(t, a, "call-before", 600)
	createCheckpoint(t, a, "chaos")
	stopCutting := cutConnections(t, 150*time.Millisecond, `query not like 'listen%'`, a, b)

	ctx, calm := context.WithCancel(t.Context())
	var restarts atomic.Int64
	var followers sync.WaitGroup
	for _, s := range []server{a, b} {
		followers.Go(func() {
			for ctx.Err() == nil {
				stop := subscribe(t, s, "chaos", nil, c.apply)
				select {
				case <-time.After(time.Duration(rand.IntN(200)) * time.Millisecond):
				case <-ctx.Done():
				}
				stop()
				restarts.Add(1)
			}
		})
	}
	for w := range 4 {
		followers.Go(func() {
			stream := fmt.Sprintf("call-%d", w)
			for version := int64(0); version < 600; version += 3 {
				var err error
				for first := true; first || errors.Is(err, eventstore.ErrUnavailable); first = false {
					_, err = a.Append(t.Context(), stream, version, many(0, 3))
				}
				if err != nil && !errors.Is(err, eventstore.ErrConflict) {
					t.Error(err)
				}
			}
		})
	}
	config := a.pool.Config()
	config.ConnConfig.RuntimeParams["application_name"] = "undisturbed"
	undisturbed := newServerWith(t, config)
	check.Eventually(t, "enough failures have happened", func() bool {
		if position, _ := checkpoint(t, undisturbed, "chaos"); position >= 3000 && position == n { // the log was folded before
			n = appendEvents(t, undisturbed, "call-after", n-3000, muted("s", "x"))
		}
		return c.errors.Load() > 5 && c.panics.Load() > 2 && c.partly.Load() > 2 && restarts.Load() > 10
	})
	cuts := stopCutting()
	c.calm.Store(true)
	calm()
	followers.Wait()

	stop := follow(t, b, "chaos", c.table.apply)
	waitForCheckpoint(t, b, "chaos", n)
	stop()
	if int64(len(wholeLog(t, a))) != n {
		t.Errorf("the log does not hold %d events", n)
	}
	c.table.equalsLog(t, n)
	if _, failure := checkpoint(t, a, "chaos"); failure != "" {
		t.Errorf("the error %q is still recorded", failure)
	}
	t.Logf("%d cuts, %d errors, %d panics, %d half-written, %d subscriptions", cuts, c.errors.Load(), c.panics.Load(),
		c.partly.Load(), restarts.Load())
}

// Of several subscriptions under one name, on two servers, one at a time folds a slice.
func TestOneSubscriberAtATimeFolds(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	table := newFoldTable(t, a)
	var working atomic.Int64
	apply := func(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
		if n := working.Add(1); n > 1 {
			t.Errorf("%d handlers run at the same time", n)
		}
		defer working.Add(-1)
		return table.apply(ctx, tx, events)
	}
	for _, s := range []server{a, b, a, b} {
		stop := follow(t, s, "seen", apply)
		defer stop()
	}
	const writers, appends = 4, 100
	inParallel(writers, func(w int) {
		for version := range int64(appends) {
			appendEvents(t, []server{a, b}[w%2], fmt.Sprintf("call-%d", w), version, muted("s", "x"))
		}
	})
	waitForCheckpoint(t, a, "seen", writers*appends)
	table.equalsLog(t, writers*appends)
}

// If a server dies in the middle of a slice, another takes over.
func TestAnotherServerTakesOver(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	table := newFoldTable(t, a)
	fill(t, a, "call-a", 20)
	working := make(chan int32, 1)
	stopA := follow(t, a, "seen", func(ctx context.Context, tx pgx.Tx, _ []eventstore.Recorded) error {
		var pid int32
		if err := tx.QueryRow(ctx, `select pg_backend_pid()`).Scan(&pid); err != nil {
			return err
		}
		select {
		case working <- pid:
			<-ctx.Done() // hangs until it is cancelled
		default:
		}
		return ctx.Err()
	})
	pid := <-working
	stopB := follow(t, b, "seen", table.apply)
	execute(t, b.pool, `select pg_terminate_backend($1)`, pid)
	waitForCheckpoint(t, b, "seen", 20)
	stopA()
	stopB()
	table.equalsLog(t, 20)
}
