package eventstore

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/postgres"
)

const (
	// retryUnavailable is the delay before a slice is tried again that failed because the database is unavailable.
	retryUnavailable = 100 * time.Millisecond
	// retryFirst and retryLongest bound the delay before an event that cannot be folded is tried again. The delay doubles.
	retryFirst   = 400 * time.Millisecond
	retryLongest = 10 * time.Second
)

// The problems that are logged with these words.
const (
	waiting = "projection waits for the database"
	// replaced happens to the older servers of a rolling upgrade.
	replaced = "the projection's tables were replaced by another program's, of another version or time zone: " +
		"this program leaves them alone and cannot answer queries from them"
)

// failed records the failure of a slice and returns the delay before the next one. An event that cannot be folded stops the
// projection: the slice is tried again one event at a time, so the events before it are folded, and the checkpoint's row
// then holds the error.
func (c *consumer) failed(ctx context.Context, err error) time.Duration {
	if postgres.Unavailable(err) {
		c.report(ctx, slog.LevelWarn, waiting, waiting, "error", err)
		return retryUnavailable
	}
	if c.limit > 1 {
		c.limit = 1
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var position int64
	recording := c.store.pool.QueryRow(ctx, `update checkpoints set error = $2, updated_at = now() where name = $1 returning position`,
		c.name, err.Error()).Scan(&position)
	if recording != nil && !errors.Is(recording, pgx.ErrNoRows) {
		c.log.Warn("could not record the projection's error", "error", recording)
	}
	c.report(ctx, slog.LevelError, err.Error(), "projection stopped at an event that it cannot fold", "after", position, "error", err)
	return c.backoff.NextBackOff()
}

// succeeded notes that the last slice ended without an error, and lets slices grow again.
func (c *consumer) succeeded() {
	c.backoff.Reset()
	switch position := c.last.moved; {
	case position > 0:
		c.limit = min(2*c.limit, sliceLimit)
		if c.problem != "" {
			c.log.Info("projection continues", "position", position)
			c.problem = ""
		}
	case c.problem == waiting: // the database is available again, and there was nothing to fold
		c.problem = ""
	}
}

// report logs a problem, once until a slice succeeds or another problem is reported.
func (c *consumer) report(ctx context.Context, level slog.Level, problem, message string, args ...any) {
	if c.problem == problem {
		level = slog.LevelDebug
	}
	c.problem = problem
	c.log.Log(ctx, level, message, args...)
}
