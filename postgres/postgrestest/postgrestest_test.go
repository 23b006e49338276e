package postgrestest_test

import (
	"context"
	"testing"
	"time"

	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/embedded"
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
	t.Logf("the last of them took %v", took)
}

func TestADatabaseIsGoneAfterItsTest(t *testing.T) { //nolint:tparallel // see below
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
	// Then the database is gone all the same
	if pool, err := postgres.Connect(t.Context(), url); err == nil {
		pool.Close()
		t.Error("the database is still there")
	}
}

func TestAnEmptyDatabaseIsEmpty(t *testing.T) {
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

func TestAClusterCanBeStoppedAndStarted(t *testing.T) {
	t.Parallel()
	server := postgrestest.Cluster(t, "max_connections=7")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.Stop(ctx, embedded.Immediate); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(ctx); err != nil {
		t.Fatal(err)
	}
	pool, err := postgres.Connect(ctx, server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var connections string
	if err := pool.QueryRow(ctx, "show max_connections").Scan(&connections); err != nil || connections != "7" {
		t.Errorf("it has %s connections (%v), want the 7 asked for", connections, err)
	}
}
