package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/eventstore"
)

const (
	// retryTimeout is how long Retry waits for the result. A running server is notified and retries at once; if it misses the
	// notification, it retries after its backoff, which is at most ten seconds.
	retryTimeout      = 15 * time.Second
	retryPollInterval = 50 * time.Millisecond
)

// Retry makes the server that runs a stopped projection retry the event at which it stopped. It returns the status before, and
// after: when the projection went on or stopped again, or after fifteen seconds if no server runs it. The positions differ if
// it went on.
func Retry(ctx context.Context, pool *pgxpool.Pool, store *eventstore.Store, name string) (before, after Status, err error) {
	if before, err = existingStatus(ctx, pool, name); err != nil || before.State != Stopped {
		return before, before, err
	}
	if err := store.Retry(ctx, before.checkpoint); err != nil {
		return before, before, err
	}
	poll := time.NewTicker(retryPollInterval)
	defer poll.Stop()
	for deadline := time.Now().Add(retryTimeout); ; {
		if after, err = existingStatus(ctx, pool, name); err != nil {
			return before, after, err
		}
		if after.State == Stopped || after.Position > before.Position || time.Now().After(deadline) {
			return before, after, nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return before, after, ctx.Err()
		}
	}
}

func existingStatus(ctx context.Context, pool *pgxpool.Pool, name string) (Status, error) {
	s, exists, err := statusOf(ctx, pool, name)
	if err == nil && !exists {
		err = fmt.Errorf("there is no projection %q on this database", name)
	}
	return s, err
}
