package postgrestest_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestEveryTestHasAMigratedDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	var took time.Duration
	for range 5 {
		began := time.Now()
		pool := postgrestest.New(t)
		took = time.Since(began)
		var name string
		if err := pool.QueryRow(t.Context(), "select current_database() from events having count(*) = 0").Scan(&name); err != nil {
			t.Fatal(err)
		}
		names[name] = true
	}
	if len(names) != 5 {
		t.Errorf("got the databases %v, want different ones", names)
	}
	t.Logf("the last database took %v", took)
}

func TestADatabaseIsDroppedAfterItsTest(t *testing.T) { //nolint:tparallel // see below
	t.Parallel()
	outer := t
	var url string
	// Given a test that leaves a connection open
	t.Run("the test", func(t *testing.T) {
		url = postgrestest.NewURL(t)
		left, err := postgres.Connect(context.WithoutCancel(t.Context()), url)
		if err != nil {
			t.Fatal(err)
		}
		outer.Cleanup(left.Close)
	})
	// Then the database is dropped
	if pool, err := postgres.Connect(t.Context(), url); err == nil {
		pool.Close()
		t.Error("the database still exists")
	}
}

func TestEmptyHasNoTables(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Connect(t.Context(), postgrestest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var tables int
	if err := pool.QueryRow(t.Context(), "select count(*) from pg_tables where schemaname = 'public'").Scan(&tables); err != nil || tables != 0 {
		t.Errorf("it has %d tables (%v)", tables, err)
	}
}

func TestAClusterKeepsItsDataAndURLAcrossStopAndCrash(t *testing.T) {
	t.Parallel()
	server := postgrestest.Cluster(t, "max_connections=7")
	url := server.URL()
	execute(t, url, "create table kept (n int)")
	for _, end := range []func(context.Context) error{server.Stop, server.Crash} {
		// When the server is ended
		check.NoError(t, end(t.Context()))
		// Then it does not answer
		if pool, err := postgres.Connect(t.Context(), url); err == nil {
			pool.Close()
			t.Fatal("the server still answers")
		}
		// And when it is started, it has its data and its settings
		check.NoError(t, server.Start(t.Context()))
		execute(t, url, "table kept")
	}
	pool := connect(t, url)
	var connections string
	if err := pool.QueryRow(t.Context(), "show max_connections").Scan(&connections); err != nil || connections != "7" || server.URL() != url {
		t.Errorf("the server has %s connections (%v), want 7, at %s", connections, err, server.URL())
	}
}

func connect(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Connect(t.Context(), url)
	check.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// execute runs one statement over a connection of its own.
func execute(t *testing.T, url, statement string) {
	t.Helper()
	_, err := connect(t, url).Exec(t.Context(), statement)
	check.NoError(t, err)
}
