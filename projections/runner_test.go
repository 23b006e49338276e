package projections_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/postgres"

	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// runInBackground runs a runner until the test ends, or until the function that it returns is called.
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

func TestAnotherServerTakesOver(t *testing.T) {
	t.Parallel()
	first := newHouse(t)
	url := first.pool.Config().ConnString()
	pool, err := postgres.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	second := houseOn(t, pool)

	first.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	if open, _, err := second.queries.Open(t.Context(), "study-1"); err != nil || open.ID != "s1" {
		t.Fatalf("the other server does not see the session: %+v (%v)", open, err)
	}
	first.stop()
	first.given("study-1", domain.SessionEnded{Fact: at("s1", 1), Reason: domain.NobodyJoined})
	if open, _, err := first.queries.Open(t.Context(), "study-1"); err != nil || open.ID != "" {
		t.Fatalf("nobody took over: %+v (%v)", open, err)
	}
}

// TestASliceHeldByADeadServerIsTakenOver: a server that locked the checkpoint and then died leaves its lock to be
// broken when its connection goes.
func TestASliceHeldByADeadServerIsTakenOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	dead, err := pgx.Connect(t.Context(), h.pool.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dead.Exec(t.Context(), `begin; select from checkpoints where name like 'sessions/%' for update`); err != nil {
		t.Fatal(err)
	}
	h.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	h.queries.FreshWithin = 50 * time.Millisecond
	if open, position, err := h.queries.Open(t.Context(), "study-1"); err != nil || open.ID != "" || position != 0 {
		t.Fatalf("folded past a held checkpoint: %+v at %d (%v)", open, position, err)
	}

	if err := dead.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	h.caughtUp()
	if open, _, err := h.queries.Open(t.Context(), "study-1"); err != nil || open.ID != "s1" {
		t.Fatalf("nobody took over: %+v (%v)", open, err)
	}
}

func TestStatusSaysWhatStopsAProjection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	if _, err := h.pool.Exec(t.Context(), `select from append_events('{call-study-1}', '{1}', '{1}', '{s1}', '{FromTheFuture}',
		'{1}', '{"{}"}', '{2025-11-19T10:30:00Z}')`); err != nil {
		t.Fatal(err)
	}
	h.given("study-2", domain.SessionStarted{Fact: at("s2", 0), StartedBy: "lee"})

	status := h.waitForState("sessions", projections.Stopped)

	if status.State != projections.Stopped || status.Position != 1 || status.Head != 3 || status.Lag != 2 || !strings.Contains(status.Error, "FromTheFuture") {
		t.Errorf("the status does not tell: %+v", status)
	}
}
