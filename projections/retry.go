package projections

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/eventstore"
)

const (
	// retryPatience is how long Retry waits for what came of it. A server tries at once, if any runs; should it not hear of
	// it, after its own pause, which is ten seconds at most.
	retryPatience = 15 * time.Second
	retryLook     = 50 * time.Millisecond
)

// Retry has a projection that stopped at an event try it again now, on whichever server runs it, and returns its status
// once it went on, or stopped again, or, if nobody runs it, after fifteen seconds. The position tells which.
func Retry(ctx context.Context, pool *pgxpool.Pool, store *eventstore.Store, name string) (before, after Status, err error) {
	if before, err = statusOf(ctx, pool, name); err != nil || before.State != Stopped {
		return before, before, err
	}
	if err := store.Retry(ctx, before.checkpoint); err != nil {
		return before, before, err
	}
	look := time.NewTicker(retryLook)
	defer look.Stop()
	for deadline := time.Now().Add(retryPatience); ; {
		if after, err = statusOf(ctx, pool, name); err != nil {
			return before, after, err
		}
		if after.State == Stopped || after.Position > before.Position || time.Now().After(deadline) {
			return before, after, nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return before, after, ctx.Err()
		}
	}
}

func statusOf(ctx context.Context, pool *pgxpool.Pool, name string) (Status, error) {
	statuses, err := ReadStatus(ctx, pool)
	if err != nil {
		return Status{}, err
	}
	i := slices.IndexFunc(statuses, func(s Status) bool { return s.Name == name })
	if i < 0 {
		return Status{}, fmt.Errorf("there is no projection %q on this database", name)
	}
	return statuses[i], nil
}
