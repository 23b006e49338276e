package projections_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

// TestARebuildNoticesWhoElseWorks: others, of another name, and not those of its own.
func TestARebuildNoticesWhoElseWorks(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	work := func(name string) func(context.Context) {
		t.Helper()
		other, err := postgres.Connect(t.Context(), pool.Config().ConnString(), postgres.WithApplicationName(name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(other.Close)
		return func(ctx context.Context) {
			for ctx.Err() == nil {
				_, _ = other.Exec(ctx, `select pg_sleep(0.1)`) // fails when the test is over
			}
		}
	}
	ours, others := work(pool.Config().ConnConfig.RuntimeParams["application_name"]), work("somebody else")
	var m projections.Throttle
	var working sync.WaitGroup
	ctx, over := context.WithCancel(t.Context())
	defer working.Wait()
	defer over()
	working.Go(func() { ours(ctx) })
	waitFor(t, pool, `select exists (select from pg_stat_activity where datname = current_database() and query like 'select pg_sleep%')`)
	working.Go(func() { m.Watch(ctx, pool) })
	looks, enough := pool.Stat().AcquireCount(), int64(projections.PollWindow)+1 // a look ends before the next one begins
	eventually(t, "as many looks as count", func() bool { return pool.Stat().AcquireCount() >= looks+enough })
	if m.Busy() {
		t.Error("what the same program does is taken for somebody else's work")
	}
	noticing, stop := context.WithCancel(ctx)
	working.Go(func() { others(noticing) })
	eventually(t, "others are noticed", m.Busy)
	stop()
	eventually(t, "nobody else works any more", func() bool { return !m.Busy() })
}

// TestPartsOfARebuildTakeTurns while others work, and only then.
func TestPartsOfARebuildTakeTurns(t *testing.T) {
	t.Parallel()
	for _, others := range []bool{false, true} {
		t.Run(fmt.Sprintf("others work: %t", others), func(t *testing.T) {
			t.Parallel()
			var m projections.Throttle
			m.SetBusy(others)
			var parts sync.WaitGroup
			first, second := make(chan struct{}), make(chan struct{})
			parts.Go(func() {
				_ = m.Step(func() error {
					close(first)
					if !others { // together
						<-second
					}
					select {
					case <-second:
						if others {
							t.Error("two parts are at it")
						}
					default:
					}
					return nil
				})
			})
			parts.Go(func() {
				<-first
				_ = m.Step(func() error { close(second); return nil })
			})
			parts.Wait()
		})
	}
}
