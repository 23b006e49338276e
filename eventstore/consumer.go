package eventstore

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/pacing"
	"github.com/studycall/studycall/postgres"
)

const (
	// skipDelay is how long a consumer with a filter lets skipped events accumulate, to move its checkpoint past all of them
	// at once. With a transaction for each, three projections that skip an event would cost more than the one that folds it.
	skipDelay = 50 * time.Millisecond
	// checkTimeout bounds the statements that a consumer runs between two slices.
	checkTimeout = 10 * time.Second
)

// consumer reads the log for one checkpoint, slice by slice. Its changing fields belong to the goroutine of the subscription.
type consumer struct {
	store  *Store
	name   string
	filter typeFilter
	log    *slog.Logger

	last    *slice                      // the slice that is under way or was the last one; nil before the first
	limit   int                         // events per slice: one after a failure, to find the event that failed
	backoff *backoff.ExponentialBackOff // the delay before a slice that failed is tried again
	problem string                      // the last problem that was logged; empty once a slice has succeeded
}

func newConsumer(s *Store, name string, filter typeFilter, log *slog.Logger) *consumer {
	return &consumer{
		store: s, name: name, filter: filter, log: log, limit: sliceLimit,
		backoff: &backoff.ExponentialBackOff{InitialInterval: retryFirst, Multiplier: 2, MaxInterval: retryLongest},
	}
}

// readPace are the delays between reads at the end of the log. A read of a few events, with the transaction that it may be
// part of, costs as much as a read of dozens: single events are read at once, and under load many are read together.
func readPace() pacing.Limits {
	return pacing.Limits{PerItem: 500 * time.Microsecond, Longest: 10 * time.Millisecond}
}

// wait returns when ctx ends or the next slice may have something to do; if the last slice failed, after the backoff.
func (c *consumer) wait(ctx context.Context) {
	switch {
	case ctx.Err() != nil, c.last == nil:
	case c.last.err != nil:
		sleep(ctx, c.failed(ctx, c.last.err), c.last.wakeup)
	default:
		c.succeeded()
		if c.last.atHead() {
			c.waitForEvents(ctx)
		}
	}
}

// waitForEvents returns when there may be events after the last slice. A query without a lock finds those whose notification was
// lost.
func (c *consumer) waitForEvents(ctx context.Context) {
	known := max(c.last.head, c.last.moved)
	for {
		head, advanced := c.store.head.current()
		if head > known {
			c.delayRead(ctx, known)
			return
		}
		select {
		case <-advanced:
		case <-c.last.wakeup:
			return
		case <-ctx.Done():
			return
		case <-time.After(pollInterval):
			if c.behind(ctx) {
				return
			}
		}
	}
}

// delayRead delays the read of events after the known position: by the read pace, or, if the consumer skips all of them, by
// skipDelay or until an event is appended that it does not skip.
func (c *consumer) delayRead(ctx context.Context, known int64) {
	var pacer pacing.Pacer
	pacer.Began(c.last.readAt, len(c.last.events))
	delay, appended := pacer.Delay(readPace(), time.Now()), (<-chan struct{})(nil)
	if c.filter.only != "" {
		latest, advanced := c.store.latest[c.filter.only].current()
		if latest <= known {
			delay, appended = skipDelay, advanced
		}
	}
	if delay <= 0 {
		return
	}
	select {
	case <-time.After(delay):
	case <-appended:
	case <-c.last.wakeup:
	case <-ctx.Done():
	}
}

// behind reports whether the checkpoint is behind the head of the log, or the database could not be asked: the slice that
// follows finds the same error.
func (c *consumer) behind(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var behind bool
	// Not "exists (… where position > …)": to find that there is none, Postgres would scan the whole log.
	err := c.store.pool.QueryRow(ctx, `select coalesce((select max(position) from events), 0) > position
		from checkpoints where name = $1`, c.name).Scan(&behind)
	if errors.Is(err, pgx.ErrNoRows) {
		c.report(ctx, slog.LevelInfo, replaced, replaced)
		return false
	}
	return behind || err != nil
}

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
		"this program does not fold into them and cannot answer queries from them"
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
