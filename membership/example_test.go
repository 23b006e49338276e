package membership_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres/postgrestest"
)

func TestConcurrentServersSeedTheExampleOnce(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	var seeds atomic.Int32
	var servers sync.WaitGroup
	for range 8 {
		servers.Go(func() {
			seeded, err := membership.SeedExample(t.Context(), pool)
			if err != nil {
				t.Error(err)
			}
			if seeded {
				seeds.Add(1)
			}
		})
	}
	servers.Wait()
	if seeds.Load() != 1 {
		t.Errorf("seeded %d times", seeds.Load())
	}
}

func TestTheExampleIsNotSeededBesideAStudy(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	exec(t, pool, `insert into studies (id, name) values ('s', 'S')`)
	seeded, err := membership.SeedExample(t.Context(), pool)
	var users int
	if scanErr := pool.QueryRow(t.Context(), `select count(*) from users`).Scan(&users); scanErr != nil {
		t.Fatal(scanErr)
	}
	if err != nil || seeded || users != 0 {
		t.Errorf("SeedExample = %v, %v, and %d users", seeded, err, users)
	}
}

func TestTheExampleKeepsAnExistingUser(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	exec(t, pool, `insert into users (id, name, email) values ('user-456', 'Real', 'real@example.com')`)
	if seeded, err := membership.SeedExample(t.Context(), pool); err != nil || !seeded {
		t.Fatalf("SeedExample = %v, %v", seeded, err)
	}
	users, err := membership.NewTables(pool).Users(t.Context(), []string{"user-456"})
	if err != nil || users["user-456"].Name != "Real" {
		t.Errorf("Users = %+v, %v", users, err)
	}
}
