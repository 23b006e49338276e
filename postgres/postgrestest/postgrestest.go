package postgrestest

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/postgres"
)

// patience bounds each single step. It is generous: under the race detector, with every package's tests at once on few
// cores, a step may have to wait for its turn.
const patience = 2 * time.Minute

// New returns a pool (of at most 10 connections) on a fresh, migrated database that only this test has. When the test and
// its cleanups are over, the pool is closed and the database dropped. Safe for parallel tests.
func New(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool, err := postgres.Connect(tb.Context(), NewURL(tb), postgres.WithMaxConns(10))
	if err != nil {
		tb.Fatalf("connecting to the test's database: %v", err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// NewURL is New for tests that start whole programs: the URL of the database, without a pool. Connections that are left at
// the end are cut. Safe for parallel tests.
func NewURL(tb testing.TB) string {
	tb.Helper()
	return create(tb, (*shared).template)
}

// Empty returns the URL of a fresh database without any migration, dropped at the end like the others. Safe for parallel tests.
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
