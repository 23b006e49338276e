package projections_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

// TestThrottleNoticesActivityOfOtherClients: clients with another application name, not the program's own connections.
func TestThrottleNoticesActivityOfOtherClients(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	work := func(name string) func(context.Context) {
		t.Helper()
		other, err := postgres.Connect(t.Context(), pool.Config().ConnString(), postgres.WithApplicationName(name))
		check.NoError(t, err)
		t.Cleanup(other.Close)
		return func(ctx context.Context) {
			for ctx.Err() == nil {
				_, _ = other.Exec(ctx, `select pg_sleep(0.1)`) // fails when the test ends
			}
		}
	}
	ours, others := work(pool.Config().ConnConfig.RuntimeParams["application_name"]), work("another client")
	var m projections.Throttle
	var working sync.WaitGroup
	ctx, stopAll := context.WithCancel(t.Context())
	defer working.Wait()
	defer stopAll()
	working.Go(func() { ours(ctx) })
	waitForSQL(t, pool, `select exists (select from pg_stat_activity where datname = current_database() and query like 'select pg_sleep%')`)
	working.Go(func() { m.Watch(ctx, pool) })
	polls, enough := pool.Stat().AcquireCount(), int64(projections.PollWindow)+1 // a poll ends before the next one begins
	check.Eventually(t, "the window is full of polls", func() bool { return pool.Stat().AcquireCount() >= polls+enough })
	if m.Busy() {
		t.Error("the program's own activity counts as another client's")
	}
	noticing, stop := context.WithCancel(ctx)
	working.Go(func() { others(noticing) })
	check.Eventually(t, "other clients are noticed", m.Busy)
	stop()
	check.Eventually(t, "the end of their activity is noticed", func() bool { return !m.Busy() })
}

// TestStepsRunOneAtATimeWhileOthersAreActive shows also that they run concurrently otherwise.
func TestStepsRunOneAtATimeWhileOthersAreActive(t *testing.T) {
	t.Parallel()
	for _, active := range []bool{false, true} {
		t.Run(fmt.Sprintf("others active: %t", active), func(t *testing.T) {
			t.Parallel()
			var m projections.Throttle
			m.SetBusy(active)
			var steps sync.WaitGroup
			first, second := make(chan struct{}), make(chan struct{})
			steps.Go(func() {
				_ = m.Step(func() error {
					close(first)
					if !active { // concurrently
						<-second
					}
					select {
					case <-second:
						if active {
							t.Error("two steps run at once")
						}
					default:
					}
					return nil
				})
			})
			steps.Go(func() {
				<-first
				_ = m.Step(func() error { close(second); return nil })
			})
			steps.Wait()
		})
	}
}
