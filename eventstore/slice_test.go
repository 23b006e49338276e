package eventstore

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// newSlice opens a log with one event and reads the event as a slice.
func newSlice(t *testing.T) (*slice, *pgxpool.Pool) {
	t.Helper()
	pool := postgrestest.New(t)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	store, err := Open(t.Context(), pool, log)
	check.NoError(t, err)
	t.Cleanup(store.Close)
	_, err = store.Append(t.Context(), "call-a", 0, []domain.Event{domain.AudioMuted{Fact: anyFact, UserID: "kim"}})
	check.NoError(t, err)
	_, err = pool.Exec(t.Context(), `insert into checkpoints (name) values ('p'); create table seen (n int)`)
	check.NoError(t, err)
	s, err := newConsumer(store, "p", typeFilter{}, log).begin(t.Context())
	check.NoError(t, err)
	check.NoError(t, s.read(t.Context()))
	return s, pool
}

// After its slice has ended, the handler must not run: the connection may be in use for something else.
func TestNothingIsAppliedAfterTheEndOfASlice(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*slice) error{"rolled back": (*slice).rollback, "committed": (*slice).commit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newSlice(t)
			check.NoError(t, end(s))
			s.apply(t.Context(), func(context.Context, pgx.Tx, []Recorded) error {
				t.Error("the events were applied")
				return nil
			})
		})
	}
}

func TestOnlyAnAcknowledgedSliceIsCommitted(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		handler     error
		acknowledge bool
		commits     int64
	}{
		"applied and acknowledged":     {nil, true, 1},
		"applied and not acknowledged": {nil, false, 0},
		"failed":                       {boom, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, pool := newSlice(t)
			s.apply(t.Context(), func(ctx context.Context, tx pgx.Tx, _ []Recorded) error {
				_, err := tx.Exec(ctx, `insert into seen values (1)`)
				return errors.Join(err, c.handler)
			})
			if c.acknowledge {
				if err := s.move(t.Context()); !errors.Is(err, c.handler) {
					t.Errorf("moving the checkpoint returned %v, want %v", err, c.handler)
				}
			}
			check.NoError(t, s.commit())
			var rows, checkpoint int64
			check.NoError(t, pool.QueryRow(t.Context(), `select (select count(*) from seen), (select position from checkpoints)`).
				Scan(&rows, &checkpoint))
			known, _ := s.consumer.store.progress("p").current()
			if rows != c.commits || checkpoint != c.commits || known != c.commits {
				t.Errorf("%d rows, checkpoint at %d, known to be at %d, want %d", rows, checkpoint, known, c.commits)
			}
		})
	}
}
