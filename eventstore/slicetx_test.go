package eventstore

import (
	"errors"
	"testing"

	"github.com/studycall/studycall/postgres/postgrestest"
)

// A handler whose turn comes when its slice is over already has nothing to do: its connection may be another's by now.
func TestNoWorkAfterTheEndOfASlice(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	begin := sliceBeginner{pool: pool, committed: func(int64, int) { t.Error("committed") }}
	for name, end := range map[string]func(*sliceTx) error{"rolled back": (*sliceTx).Rollback, "committed": (*sliceTx).Commit} {
		tx, err := begin.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		slice := tx.(*sliceTx)
		if err := end(slice); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		slice.work(func() error {
			t.Errorf("%s: worked", name)
			return nil
		})
	}
}

// What the handler failed at is not acknowledged, and what was not acknowledged is not committed.
func TestOnlyWhatWasAcknowledgedIsCommitted(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	if _, err := pool.Exec(t.Context(), `create table seen (n int)`); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		handler     error
		acknowledge bool
		commits     int
	}{
		"handled and acknowledged": {nil, true, 1},
		"handled":                  {nil, false, 0},
		"failed":                   {boom, true, 0},
	} {
		committed := 0
		begin := sliceBeginner{pool: pool, committed: func(int64, int) { committed++ }}
		tx, err := begin.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		slice := tx.(*sliceTx)
		slice.work(func() error {
			_, err := slice.tx.Exec(t.Context(), `insert into seen values (1)`)
			return errors.Join(err, c.handler)
		})
		if c.acknowledge {
			if _, err := tx.ExecContext(t.Context(), ackSQL, int64(7), name); (err != nil) != (c.handler != nil) {
				t.Errorf("%s: acknowledging gave %v", name, err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var rows int
		if err := pool.QueryRow(t.Context(), `with gone as (delete from seen returning n) select count(*) from gone`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows != c.commits || committed != c.commits {
			t.Errorf("%s: %d rows are there, committed %d times, want %d", name, rows, committed, c.commits)
		}
	}
}
