package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/postgres"
)

// Topic is what subscribers subscribe to: there is one log.
const Topic = "events"

const (
	// sliceLimit is how many events a message holds at most. More make a slice slower, not the whole faster.
	sliceLimit = 500
	// retryFirst and retryMost bound the pause before a slice that failed is tried again; it doubles.
	retryFirst = 100 * time.Millisecond
	retryMost  = 10 * time.Second
	// passOver is for how long a consumer of one type lets others gather, to move its checkpoint past all of them at once. A
	// transaction for each would cost three projections that have nothing to do more than the one that does.
	passOver = 50 * time.Millisecond
)

// Subscriber reads the log for one consumer with a checkpoint: exactly once, in order, by slices, on one server at a
// time. Any server may subscribe under the same name at the same time: whoever holds the checkpoint's row does the next
// slice. Its messages are for Handle. It reads until ctx ends; end it before the subscriber is closed, or the store is.
//
// With only, it is given the events of that one's type, and those of types that this program does not know. Its checkpoint moves
// past the others some 50 ms late, and it is given as late what another server appends.
func (s *Store) Subscriber(ctx context.Context, name string, only domain.Event) (message.Subscriber, error) {
	log := s.log.With("projection", name)
	feed := &sliceFeed{store: s, name: name, log: log, done: ctx.Done()}
	feed.limit.Store(sliceLimit)
	var err error
	if feed.only, feed.unwanted, err = s.types.choose(only); err != nil {
		return nil, fmt.Errorf("subscribe %s to the log: %w", name, err)
	}
	never := time.Duration(0)
	beginner := sliceBeginner{pool: s.pool, types: s.types, unwanted: feed.unwanted, committed: feed.succeeded, lost: feed.lose}
	subscriber, err := watermillsql.NewSubscriber(beginner, watermillsql.SubscriberConfig{
		ConsumerGroup:  name,
		AckDeadline:    &never, // at its deadline watermill-sql would commit half-written work
		SchemaAdapter:  sliceSchema{feed},
		OffsetsAdapter: sliceOffsets{feed},
		BackoffManager: feed,
	}, Logger(log))
	if err != nil {
		return nil, fmt.Errorf("subscribe %s to the log: %w", name, err)
	}
	return subscriber, nil
}

// Logger passes Watermill's own log lines on: what it calls information is of interest only when debugging.
func Logger(log *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(log, map[slog.Level]slog.Level{
		slog.LevelInfo:  slog.LevelDebug,
		slog.LevelError: slog.LevelDebug, // errors reach HandleError, which logs them
	})
}

// sliceFeed is what makes watermill-sql's subscriber read our log: its queries, and when it makes them.
type sliceFeed struct {
	store *Store
	name  string
	log   *slog.Logger
	done  <-chan struct{}

	only     string   // the type of the events that are wanted; empty: all are
	unwanted []string // the types that are known besides

	limit    atomic.Int64 // events per slice; 1 after a failure, to find the event that failed
	failures atomic.Int64 // in a row
	// Used by the subscriber's goroutine alone: when the last query was made and what came of it, the head then, the checkpoint
	// if it was moved since, a call to look since then, why the last transaction could not be ended, and what the log was told of
	// a trouble that is not over.
	pace    pace
	seen    int64
	reached int64
	called  <-chan struct{}
	lost    error
	told    string
}

// HandleError implements watermill-sql's BackoffManager, which is asked after every slice how long to wait. It does the
// waiting itself, as long as there is nothing to read or before what failed is tried again, since it knows what ends it.
func (f *sliceFeed) HandleError(_ watermill.LoggerAdapter, noMsg bool, err error) time.Duration {
	if err == nil {
		err = f.lost
	}
	f.lost = nil
	if err == nil {
		f.failures.Store(0)
		if noMsg && f.told == waiting {
			f.told = "" // it is back, and there is nothing to fold
		}
	}
	switch {
	case err != nil && !f.isDone():
		asked := f.store.calls.wait() // before the error can be seen, so that no answer to it is missed
		f.waitForRetry(f.failed(err), asked)
	case noMsg, f.reached >= f.seen: // and where the log ended, the slice ended
		f.seen = max(f.seen, f.reached)
		f.waitForEvents()
	}
	return 0
}

// lose takes what the end of a transaction failed with, which watermill-sql does not pass on, to the HandleError that follows.
func (f *sliceFeed) lose(err error) { f.lost = err }

// waitForRetry waits before what failed is tried again, or until somebody asks for that.
func (f *sliceFeed) waitForRetry(pause time.Duration, asked <-chan struct{}) {
	select {
	case <-time.After(pause):
	case <-asked:
	case <-f.done:
	}
}

// waitForEvents returns when there may be something to read. Its fallback is a look without a lock, which costs the
// database no write.
func (f *sliceFeed) waitForEvents() {
	for {
		head, advanced := f.store.head.current()
		if head > f.seen {
			f.gather()
			return
		}
		select {
		case <-advanced:
		case <-f.called:
			return
		case <-f.done:
			return
		case <-time.After(pollInterval):
			if f.behind() {
				return
			}
		}
	}
}

// gather puts off reading what has come: by the pace, and if nothing of it is wanted, for passOver.
func (f *sliceFeed) gather() {
	pause, wanted := f.pace.pause(), (<-chan struct{})(nil)
	if f.only != "" {
		if latest, appended := f.store.latest[f.only].current(); latest <= f.seen {
			pause, wanted = passOver, appended
		}
	}
	if pause <= 0 {
		return
	}
	over := time.NewTimer(pause)
	defer over.Stop()
	select {
	case <-over.C:
	case <-wanted:
	case <-f.called:
	case <-f.done:
	}
}

func (f *sliceFeed) behind() bool {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	var behind bool
	// Not "exists (… where position > …)": to find that there is none, Postgres would walk over the whole log.
	err := f.store.pool.QueryRow(ctx, `select coalesce((select max(position) from events), 0) > position
		from checkpoints where name = $1`, f.name).Scan(&behind)
	if errors.Is(err, pgx.ErrNoRows) {
		f.tell(replaced, slog.LevelInfo, replaced)
		return false
	}
	return behind || err != nil // the query that follows reports the error
}

// failed notes why a slice could not be folded, where operators look, and says how long to wait.
func (f *sliceFeed) failed(err error) time.Duration {
	n := f.failures.Add(1)
	if own := (handlerError{}); errors.As(err, &own) {
		err = own.error
	}
	if postgres.Unavailable(err) {
		f.tell(waiting, slog.LevelWarn, waiting, "error", err)
		return retryFirst
	}
	if f.limit.Swap(1) > 1 {
		return 0 // one event at a time from here, so that those before the bad one are folded
	}
	wait := min(retryFirst<<min(n, 10), retryMost)
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	var position int64
	if err := f.store.pool.QueryRow(ctx, `update checkpoints set error = $2, updated_at = now() where name = $1 returning position`,
		f.name, err.Error()).Scan(&position); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		f.log.Warn("could not record the projection's error", "error", err)
	}
	f.tell(err.Error(), slog.LevelError, "projection stopped at an event that it cannot fold", "after", position, "error", err)
	return wait
}

const (
	// waiting is the trouble that is nobody's fault here.
	waiting = "projection waits for the database"
	// replaced is the one in which a newer program of a rolling upgrade puts the older ones.
	replaced = "projection's tables are of another program now, of another version or time zone: this one leaves them alone, and has no answers from them"
)

// tell logs a trouble once, however often it is met until the projection goes on.
func (f *sliceFeed) tell(trouble string, level slog.Level, message string, args ...any) {
	if f.told == trouble {
		level = slog.LevelDebug
	}
	f.told = trouble
	f.log.Log(context.Background(), level, message, args...)
}

// succeeded is told how far a slice came, of how many events. It lets slices grow again, and those go on who wait to read what was folded.
func (f *sliceFeed) succeeded(position int64, events int) {
	if f.told != "" {
		f.log.Info("projection goes on", "position", position)
		f.told = ""
	}
	f.limit.Store(min(f.limit.Load()*2, sliceLimit))
	f.pace.events = events
	f.reached = position
	f.store.progress(f.name).advance(position)
}

func (f *sliceFeed) isDone() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}
