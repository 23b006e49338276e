package eventstore_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// seen is a table into which a projection writes every event that it is given, in the order in which it is.
type seen struct{ name string }

func seenTable(t *testing.T, s server) seen {
	t.Helper()
	execute(t, s.pool, `create table seen (n bigserial, position bigint, type text)`)
	return seen{"seen"}
}

func (seen) apply(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	for _, r := range events {
		if _, err := tx.Exec(ctx, `insert into seen (position, type) values ($1, $2)`, r.Position, r.Type); err != nil {
			return err
		}
	}
	return nil
}

// equalsLog fails the test unless the table has each event of the log once, in order, up to a position.
func (seen) equalsLog(t *testing.T, s server, position int64) {
	t.Helper()
	got := query[int64](t, s.pool, `select position from seen order by n`)
	want := make([]int64, position)
	for i := range want {
		want[i] = int64(i + 1)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d events were folded, want 1 to %d once and in order: %v", len(got), position, got)
	}
}

// follow subscribes to the log through a Watermill router, as a runner of projections does, until stop.
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

// subscribe is follow for a consumer that has its checkpoint, and is given all events, or those like one.
func subscribe(t *testing.T, s server, name string, only domain.Event, apply eventstore.Apply) (stop func()) {
	t.Helper()
	log := eventstore.Logger(slog.New(slog.NewTextHandler(t.Output(), nil)))
	router, err := message.NewRouter(message.RouterConfig{}, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	subscriber, err := s.Subscriber(name, only)
	if err != nil {
		t.Fatal(err)
	}
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

// handled waits until a consumer has come to a position.
func handled(t *testing.T, s server, name string, position int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.WaitFor(ctx, name, position); err != nil {
		t.Fatalf("waiting for %s to come to position %d: %v", name, position, err)
	}
}

// checkpoint is where a consumer is, and why it does not go on.
func checkpoint(t *testing.T, s server, name string) (position int64, failure string) {
	t.Helper()
	err := s.pool.QueryRow(t.Context(), `select position, coalesce(error, '') from checkpoints where name = $1`, name).
		Scan(&position, &failure)
	if err != nil {
		t.Fatal(err)
	}
	return position, failure
}
