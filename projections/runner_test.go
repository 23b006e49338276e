package projections_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/postgres"

	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// runInBackground runs a runner until the test ends, or the returned function is called.
func runInBackground(tb testing.TB, runner *projections.Runner) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("the runner ended with: %v", err)
		}
	})
	tb.Cleanup(stop)
	return stop
}

func TestAnotherServerContinuesTheFold(t *testing.T) {
	t.Parallel()
	first := newServer(t)
	url := first.pool.Config().ConnString()
	pool, err := postgres.Connect(t.Context(), url)
	check.NoError(t, err)
	t.Cleanup(pool.Close)
	second := serverOn(t, pool)

	first.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	if open, _, err := second.queries.Open(t.Context(), "study-1"); err != nil || open.ID != "s1" {
		t.Fatalf("the other server does not see the session: %+v (%v)", open, err)
	}
	first.stop()
	first.given("study-1", domain.SessionEnded{Fact: at("s1", 1), Reason: domain.NobodyJoined})
	if open, _, err := first.queries.Open(t.Context(), "study-1"); err != nil || open.ID != "" {
		t.Fatalf("the fold did not continue: %+v (%v)", open, err)
	}
}

// TestFoldContinuesAfterAServerThatLockedTheCheckpointDies: Postgres releases the lock when the connection ends.
func TestFoldContinuesAfterAServerThatLockedTheCheckpointDies(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	dead, err := pgx.Connect(t.Context(), srv.pool.Config().ConnString())
	check.NoError(t, err)
	_, err = dead.Exec(t.Context(), `begin; select from checkpoints where name like 'sessions/%' for update`)
	check.NoError(t, err)
	srv.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	srv.queries.FreshWithin = 50 * time.Millisecond
	if open, position, err := srv.queries.Open(t.Context(), "study-1"); err != nil || open.ID != "" || position != 0 {
		t.Fatalf("folded in spite of the locked checkpoint: %+v at %d (%v)", open, position, err)
	}

	check.NoError(t, dead.Close(t.Context()))

	srv.waitUntilCaughtUp()
	if open, _, err := srv.queries.Open(t.Context(), "study-1"); err != nil || open.ID != "s1" {
		t.Fatalf("the fold did not continue: %+v (%v)", open, err)
	}
}

func TestStatusNamesTheEventThatStopsAProjection(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	if _, err := srv.pool.Exec(t.Context(), `select from append_events('{call-study-1}', '{1}', '{1}', '{s1}', '{FromTheFuture}',
		'{1}', '{"{}"}', '{2025-11-19T10:30:00Z}')`); err != nil {
		t.Fatal(err)
	}
	srv.given("study-2", domain.SessionStarted{Fact: at("s2", 0), StartedBy: "lee"})

	status := srv.waitForState("sessions", projections.Stopped)

	if status.State != projections.Stopped || status.Position != 1 || status.Head != 3 || status.Lag != 2 || !strings.Contains(status.Error, "FromTheFuture") {
		t.Errorf("the status is %+v", status)
	}
}
