package projections

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/eventstore"
)

// stopTimeout is how long a stopping runner waits for the slices in flight.
const stopTimeout = 15 * time.Second

// Runner keeps projections up to date. Any number of servers may run the same ones.
type Runner struct {
	store       *eventstore.Store
	projections []Projection
	log         *slog.Logger
}

// NewRunner returns a runner of projections that Prepare has prepared.
func NewRunner(store *eventstore.Store, log *slog.Logger, projections ...Projection) *Runner {
	return &Runner{store, projections, log}
}

// Run folds the log from each projection's checkpoint on until ctx ends, and then returns nil. Slices in flight are committed
// or rolled back first. An error means that the runner could not start.
func (r *Runner) Run(ctx context.Context) error {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: stopTimeout}, eventstore.Logger(r.log))
	if err != nil {
		return fmt.Errorf("start projections: %w", err)
	}
	for _, p := range r.projections {
		subscriber, err := r.store.Subscriber(checkpointName(p), p.Folds())
		if err != nil {
			return fmt.Errorf("start projections: %w", err)
		}
		// The context of a slice is that of its message.
		handler := r.store.Handle(foldInto(p, p.Name())) //nolint:contextcheck // see above
		router.AddConsumerHandler(p.Name(), eventstore.Topic, subscriber, handler)
	}
	if err := router.Run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run projections: %w", err)
	}
	return nil
}

// foldInto returns a projection's fold into its tables in a schema.
func foldInto(p Projection, schema string) eventstore.Apply {
	return func(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
		if err := useSchema(ctx, tx, schema); err != nil {
			return err
		}
		return p.Fold(ctx, tx, events)
	}
}
