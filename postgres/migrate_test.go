package postgres_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

func files(names ...string) fstest.MapFS {
	result := fstest.MapFS{}
	for _, name := range names {
		result[name] = &fstest.MapFile{Data: []byte("-- +goose Up\ncreate table t" + name[:4] + " (n int);\n")}
	}
	return result
}

func empty(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Connect(t.Context(), postgrestest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func TestMigrateAppliesPendingMigrationsInOrder(t *testing.T) {
	t.Parallel()
	pool := empty(t)
	older, newer := files("0001_first.sql"), files("0001_first.sql", "0002_second.sql", "0003_third.sql")
	for step, each := range []struct {
		files fstest.MapFS
		want  []string
	}{
		{older, []string{"0001_first.sql"}},
		{older, nil},
		{newer, []string{"0002_second.sql", "0003_third.sql"}},
		{newer, nil},
	} {
		pending, err := postgres.PendingMigrations(t.Context(), pool, each.files)
		if err != nil || !slices.Equal(pending, each.want) {
			t.Errorf("step %d: pending are %v (%v), want %v", step, pending, err, each.want)
		}
		applied, err := postgres.Migrate(t.Context(), pool, each.files)
		if err != nil || !slices.Equal(applied, each.want) {
			t.Errorf("step %d: applied %v (%v), want %v", step, applied, err, each.want)
		}
	}

	// When an older program migrates that database, it refuses
	if _, err := postgres.Migrate(t.Context(), pool, older); !errors.Is(err, postgres.ErrNewerSchema) {
		t.Errorf("got %v from an older program, want ErrNewerSchema", err)
	}
	if _, err := postgres.PendingMigrations(t.Context(), pool, older); !errors.Is(err, postgres.ErrNewerSchema) {
		t.Errorf("got %v from an older program, want ErrNewerSchema", err)
	}
}

func TestMigrationsBeforeAFailedOneStay(t *testing.T) {
	t.Parallel()
	pool := empty(t)
	broken := files("0001_first.sql", "0002_second.sql", "0003_third.sql")
	broken["0002_second.sql"].Data = []byte("-- +goose Up\ncreate table half (n int);\ncreate table broken (n nonsense);\n")
	applied, err := postgres.Migrate(t.Context(), pool, broken)
	if err == nil || !slices.Equal(applied, []string{"0001_first.sql"}) {
		t.Errorf("applied %v (%v), want the first and an error", applied, err)
	}
	var half, first bool
	if err := pool.QueryRow(t.Context(), "select to_regclass('half') is not null, to_regclass('t0001') is not null").Scan(&half, &first); err != nil {
		t.Fatal(err)
	}
	if half || !first {
		t.Errorf("the failed migration left a table: %v; the one before is applied: %v", half, first)
	}
	// When it is fixed, the rest is applied
	applied, err = postgres.Migrate(t.Context(), pool, files("0001_first.sql", "0002_second.sql", "0003_third.sql"))
	if err != nil || len(applied) != 2 {
		t.Errorf("applied %v (%v), want the other two", applied, err)
	}
}

func TestConcurrentServersMigrateOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.Empty(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	var all []string
	for range 4 {
		group.Go(func() {
			pool, err := postgres.Connect(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			defer pool.Close()
			applied, err := postgres.Migrate(t.Context(), pool, migrations.Files)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, applied...)
		})
	}
	group.Wait()
	sources, err := migrations.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, source := range sources {
		want = append(want, source.Name())
	}
	if !slices.Equal(all, want) {
		t.Errorf("four servers applied %v, want each once: %v", all, want)
	}
}
