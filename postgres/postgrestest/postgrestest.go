package postgrestest

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/postgres"
)

// patience bounds each step. It is long, because with the race detector and all packages at once on few cores, a step may wait for
// long.
const patience = 2 * time.Minute

// New returns a pool (of at most 10 connections) on a fresh, migrated database of this test alone. After the test and its cleanups,
// the pool is closed and the database dropped. Safe for parallel tests.
func New(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool, err := postgres.Connect(tb.Context(), NewURL(tb), postgres.WithMaxConns(10))
	if err != nil {
		tb.Fatalf("connecting to the test's database: %v", err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// NewURL is New for tests that start whole programs: it returns the URL of the database, without a pool. Open connections are ended
// with the test. Safe for parallel tests.
func NewURL(tb testing.TB) string {
	tb.Helper()
	return create(tb, (*shared).template)
}

// Empty is NewURL without migrations. Safe for parallel tests.
func Empty(tb testing.TB) string {
	tb.Helper()
	return create(tb, func(*shared) string { return "template0" })
}

func create(tb testing.TB, template func(*shared) string) string {
	tb.Helper()
	server, err := theServer.get()
	if err != nil {
		tb.Fatalf("starting the shared test server: %v", err)
	}
	name := newName()
	if err := server.create(tb.Context(), name, template(server)); err != nil {
		tb.Fatalf("creating the test's database: %v", err)
	}
	tb.Cleanup(func() {
		if err := server.drop(tb.Context(), name); err != nil {
			tb.Errorf("dropping the test's database: %v", err)
		}
	})
	return server.url(name)
}
