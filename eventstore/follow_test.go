package eventstore_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// foldTable is the table "seen" of a projection that inserts a row for each event, in the order of the calls.
type foldTable struct{ pool *pgxpool.Pool }

func newFoldTable(t *testing.T, s server) foldTable {
	t.Helper()
	execute(t, s.pool, `create table seen (n bigserial, position bigint, type text)`)
	return foldTable{s.pool}
}

func (foldTable) apply(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	for _, r := range events {
		if _, err := tx.Exec(ctx, `insert into seen (position, type) values ($1, $2)`, r.Position, r.Type); err != nil {
			return err
		}
	}
	return nil
}

// equalsLog fails the test unless the table has each event of the log up to the position once, in order.
func (f foldTable) equalsLog(t *testing.T, position int64) {
	t.Helper()
	got := query[int64](t, f.pool, `select position from seen order by n`)
	want := make([]int64, position)
	for i := range want {
		want[i] = int64(i + 1)
	}
	if !slices.Equal(got, want) {
		t.Errorf("folded %d events, want 1 to %d once and in order: %v", len(got), position, got)
	}
}

// follow subscribes a new consumer to the log, until stop.
func follow(t *testing.T, s server, name string, apply eventstore.Apply) (stop func()) {
	t.Helper()
	createCheckpoint(t, s, name)
	return subscribe(t, s, name, nil, apply)
}

// createCheckpoint creates the checkpoint of a consumer, unless it exists.
func createCheckpoint(t *testing.T, s server, name string) {
	t.Helper()
	check.NoError(t, pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		return eventstore.EnsureCheckpoint(t.Context(), tx, name)
	}))
}

// subscribe subscribes a consumer to the log through a Watermill router, as the runner of projections does, until stop.
func subscribe(t *testing.T, s server, name string, only domain.Event, apply eventstore.Apply) (stop func()) {
	t.Helper()
	log := eventstore.Logger(slog.New(slog.NewTextHandler(t.Output(), nil)))
	router, err := message.NewRouter(message.RouterConfig{}, log)
	check.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	subscriber, err := s.Subscriber(name, only)
	check.NoError(t, err)
	router.AddConsumerHandler(name, eventstore.Topic, subscriber, s.Handle(apply))
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the router ended with %v", err)
		}
	}
}

// waitForCheckpoint waits until a consumer has folded the event at a position.
func waitForCheckpoint(t *testing.T, s server, name string, position int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.WaitFor(ctx, name, position); err != nil {
		t.Fatalf("wait for %s to reach position %d: %v", name, position, err)
	}
}

// checkpoint returns a consumer's position and recorded error.
func checkpoint(t *testing.T, s server, name string) (position int64, failure string) {
	t.Helper()
	err := s.pool.QueryRow(t.Context(), `select position, coalesce(error, '') from checkpoints where name = $1`, name).
		Scan(&position, &failure)
	check.NoError(t, err)
	return position, failure
}
