package projections

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/studycall/studycall/eventstore"
)

// stopTimeout is how long the runner waits for the slices that are under way when it stops.
const stopTimeout = 15 * time.Second

// Runner keeps projections up to date. Any number of servers may run the same ones.
type Runner struct {
	store       *eventstore.Store
	projections []Projection
	log         *slog.Logger
}

// NewRunner makes a runner of projections, each with a name of its own.
func NewRunner(store *eventstore.Store, log *slog.Logger, projections ...Projection) *Runner {
	return &Runner{store, projections, log}
}

// Run folds the log, from each projection's checkpoint on, until ctx ends, and returns nil then. What is under way is
// finished or rolled back first. The error is one of starting.
func (r *Runner) Run(ctx context.Context) error {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: stopTimeout}, eventstore.Logger(r.log))
	if err != nil {
		return fmt.Errorf("start projections: %w", err)
	}
	for _, p := range r.projections {
		if err := r.store.EnsureCheckpoint(ctx, p.Name()); err != nil {
			return fmt.Errorf("start projections: %w", err)
		}
		subscriber, err := r.store.Subscriber(ctx, p.Name())
		if err != nil {
			return fmt.Errorf("start projections: %w", err)
		}
		router.AddConsumerHandler(p.Name(), eventstore.Topic, subscriber, r.store.Handle(p.Fold))
	}
	if err := router.Run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run projections: %w", err)
	}
	return nil
}
