package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// patience bounds the wait for a result that must come. Only a failing test waits so long.
const patience = time.Minute

// server is a store with its own pool, as in each server of an installation.
type server struct {
	*eventstore.Store
	pool *pgxpool.Pool
}

// newServer starts a server on a new database.
func newServer(t *testing.T) server {
	t.Helper()
	return newServerOn(t, postgrestest.NewURL(t))
}

// newServerOn starts a server on an existing database.
func newServerOn(t *testing.T, url string) server {
	t.Helper()
	pool := newPool(t, url, "studycall")
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(t.Output(), nil)))
	check.NoError(t, err)
	t.Cleanup(store.Close)
	return server{store, pool}
}

func newPool(t *testing.T, url, name string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Connect(t.Context(), url, postgres.WithMaxConns(10), postgres.WithApplicationName(name))
	check.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// begin starts a transaction of another client of the database.
func begin(t *testing.T, pool *pgxpool.Pool, options pgx.TxOptions) pgx.Tx {
	t.Helper()
	tx, err := pool.BeginTx(t.Context(), options)
	check.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

func execute(t *testing.T, db interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}, sql string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) []T {
	t.Helper()
	rows, err := pool.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return values
}

// holdCommits takes the lock that every append needs, appends an event to stream, and waits until this append waits for the
// lock. Further appends are queued, and are committed as one batch after release.
func holdCommits(t *testing.T, s server, stream string) (release func()) {
	t.Helper()
	tx := begin(t, s.pool, pgx.TxOptions{})
	execute(t, tx, `select from log_head for update`)
	first := appendAsync(s, stream, 0, muted("s", "first"))
	waitForLockWaiters(t, s.pool, 1)
	return func() {
		t.Helper()
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatalf("release the lock: %v", err)
		}
		if got := <-first; got.err != nil {
			t.Errorf("the append that waited failed: %v", got.err)
		}
	}
}

// waitForLockWaiters waits until n transactions of this database wait for a lock.
func waitForLockWaiters(t *testing.T, pool *pgxpool.Pool, n int) {
	t.Helper()
	check.Eventually(t, fmt.Sprintf("%d transactions wait for a lock", n), func() bool {
		return query[int](t, pool, `select count(*)::int from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock'`)[0] == n
	})
}

// outcome is the result of an append.
type outcome struct {
	position int64
	err      error
}

// appendAsync appends in a goroutine.
func appendAsync(s server, stream string, expected int64, events ...domain.Event) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		position, err := s.Append(context.Background(), stream, expected, events)
		done <- outcome{position, err}
	}()
	return done
}

// appendEvents appends and returns the position of the last event.
func appendEvents(t *testing.T, s server, stream string, expected int64, events ...domain.Event) int64 {
	t.Helper()
	position, err := s.Append(t.Context(), stream, expected, events)
	if err != nil {
		t.Fatalf("append to %s at version %d: %v", stream, expected, err)
	}
	return position
}

// fill appends n events to a new stream, 500 at a time.
func fill(t *testing.T, s server, stream string, n int) {
	t.Helper()
	for first := 0; first < n; first += 500 {
		appendEvents(t, s, stream, int64(first), many(first, min(n-first, 500))...)
	}
}

// many returns n events with their number, from first on, as the user.
func many(first, n int) []domain.Event {
	events := make([]domain.Event, n)
	for i := range events {
		events[i] = muted("s", strconv.Itoa(first+i))
	}
	return events
}

// wholeLog reads the log, and checks that positions and the versions of each stream have no gaps.
func wholeLog(t *testing.T, s server) []eventstore.Recorded {
	t.Helper()
	var all []eventstore.Recorded
	for {
		page, err := s.ReadAll(t.Context(), int64(len(all)), 1000)
		check.NoError(t, err)
		if all = append(all, page...); len(page) < 1000 {
			break
		}
	}
	versions := map[string]int64{}
	for i, r := range all {
		versions[r.Stream]++
		if r.Position != int64(i+1) || r.Version != versions[r.Stream] {
			t.Fatalf("event %d is at position %d, version %d of %s, want version %d",
				i+1, r.Position, r.Version, r.Stream, versions[r.Stream])
		}
	}
	return all
}

// wantLog fails the test unless the log holds exactly these events, described as stream/type/user.
func wantLog(t *testing.T, s server, want ...string) {
	t.Helper()
	got := []string{}
	for _, r := range wholeLog(t, s) {
		got = append(got, describe(t, r))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log holds\n%q, want\n%q", got, want)
	}
}

// describe returns stream/type/user.
func describe(t *testing.T, r eventstore.Recorded) string {
	t.Helper()
	event, err := r.Event()
	check.NoError(t, err)
	user := ""
	switch e := event.(type) {
	case domain.AudioMuted:
		user = e.UserID
	case domain.SessionStarted:
		user = e.StartedBy
	}
	return r.Stream + "/" + r.Type + "/" + user
}

// wantError fails the test unless err is want.
func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// inParallel calls do in n goroutines and waits for all of them.
func inParallel(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

var occurred = time.Date(2025, 11, 19, 10, 30, 0, int(123*time.Millisecond), time.UTC)

func fact(session string) domain.Fact { return domain.Fact{SessionID: session, At: occurred} }

func started(session, user string) domain.Event {
	return domain.SessionStarted{Fact: fact(session), StartedBy: user}
}

func muted(session, user string) domain.Event {
	return domain.AudioMuted{Fact: fact(session), UserID: user}
}

func ended() domain.Event {
	return domain.SessionEnded{Fact: fact("s"), Reason: domain.EveryoneLeft}
}

// newServerWith starts a server with a pool of this configuration.
func newServerWith(t *testing.T, config *pgxpool.Config) server {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	check.NoError(t, err)
	t.Cleanup(pool.Close)
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(t.Output(), nil)))
	check.NoError(t, err)
	t.Cleanup(store.Close)
	return server{store, pool}
}
