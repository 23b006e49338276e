package eventstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/postgres"
)

// ErrConflict means that the stream is not at the expected version: another append came first. Nothing was written.
var ErrConflict = errors.New("the stream is not at the expected version")

// ErrUnavailable means that the database is unavailable. It is not known whether the events were appended.
var ErrUnavailable = errors.New("the database is not available")

// ErrClosed means that the store was closed before the append began. Nothing was written.
var ErrClosed = errors.New("the event store is closed")

// pendingAppend is an append that the committer has not answered.
type pendingAppend struct {
	stream   string
	expected int64
	events   []stored
	done     chan appendResult // has room for the result, so the committer never waits for a caller
}

// appendResult is the position of the last event of an append, or an error.
type appendResult struct {
	position int64
	err      error
}

// Append adds the events, at least one, to a stream that is at the expected version (0: the stream must not exist). It
// returns the position of the last of them when they are durable. The error is ErrConflict, ErrClosed, ErrUnavailable, the
// database's, or ctx's if ctx ended first; then it is not known whether the events were or will be appended.
func (s *Store) Append(ctx context.Context, stream string, expected int64, events []domain.Event) (int64, error) {
	p := &pendingAppend{stream, expected, make([]stored, len(events)), make(chan appendResult, 1)}
	for i, event := range events {
		encoded, err := s.types.encode(event)
		if err != nil {
			return 0, err
		}
		p.events[i] = encoded
	}
	select {
	case s.queue <- p:
	case <-s.closing:
		return 0, ErrClosed
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case r := <-p.done:
		return r.position, r.err
	case <-s.committed:
		// The committer has ended. It has answered this append, or has never taken it.
		select {
		case r := <-p.done:
			return r.position, r.err
		default:
			return 0, ErrClosed
		}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

const (
	// queueLimit is how many appends the queue to the committer holds. Further callers wait.
	queueLimit = 1024
	// batchLimit is how many appends are committed together at most. Measured: throughput is flat beyond 100.
	batchLimit = 256
	// yields is how often the committer lets other goroutines run before it gathers a batch. The callers whose appends it has
	// just committed often append again at once: yielding to them doubles the size of the next batch (with 32 callers and 2 ms
	// a commit, 0.8 of the rate of single inserts instead of 0.3). If no other goroutine can run, a yield takes no time.
	yields = 4
	// commitTimeout bounds a transaction.
	commitTimeout = 15 * time.Second
)

// commitAppends is the group commit: it commits the appends that have arrived during the last transaction as one batch. An
// append that finds the committer idle is committed at once.
func (s *Store) commitAppends(ctx context.Context) {
	defer close(s.committed)
	var deferred []*pendingAppend // second appends to a stream of the last batch
	for {
		waiting := deferred
		if len(waiting) == 0 {
			select {
			case p := <-s.queue:
				waiting = append(waiting, p)
			case <-ctx.Done():
				return
			}
		}
		for range yields {
			runtime.Gosched()
		}
		var batch []*pendingAppend
		batch, deferred = s.gatherBatch(waiting)
		// What was taken from the queue is committed, also while the store closes.
		s.commit(context.WithoutCancel(ctx), batch)
	}
}

// gatherBatch adds queued appends to the waiting ones: a batch with one append per stream, and the rest.
func (s *Store) gatherBatch(waiting []*pendingAppend) (batch, deferred []*pendingAppend) {
	streams := make(map[string]struct{}, batchLimit)
	add := func(p *pendingAppend) {
		if _, twice := streams[p.stream]; twice {
			deferred = append(deferred, p)
			return
		}
		streams[p.stream] = struct{}{}
		batch = append(batch, p)
	}
	for _, p := range waiting {
		add(p)
	}
	for len(batch)+len(deferred) < batchLimit {
		select {
		case p := <-s.queue:
			add(p)
		default:
			return batch, deferred
		}
	}
	return batch, deferred
}

// commit appends a batch and answers its callers.
func (s *Store) commit(ctx context.Context, batch []*pendingAppend) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	results, err := s.appendBatch(ctx, batch)
	switch {
	case err == nil:
	case postgres.Unavailable(err):
		results = slices.Repeat([]appendResult{{err: fmt.Errorf("append to the log: %w: %w", ErrUnavailable, err)}}, len(batch))
	case len(batch) == 1:
		results = []appendResult{{err: fmt.Errorf("append to the log: %w", err)}}
	default:
		// One bad row fails the transaction of all. Each append alone fails only for its own rows.
		for _, p := range batch {
			s.commit(ctx, []*pendingAppend{p})
		}
		return
	}
	for i, p := range batch {
		p.done <- results[i]
	}
	s.publish(batch, results)
}

// publish advances the in-process signals: by type before the head, so that a consumer woken by the head usually finds
// whether its type was appended. If NOTIFY woke it first, the type's signal wakes it again.
func (s *Store) publish(batch []*pendingAppend, results []appendResult) {
	head, latest := int64(0), map[string]int64{}
	for i, p := range batch {
		if results[i].err != nil {
			continue
		}
		last := results[i].position
		first := last - int64(len(p.events)) + 1
		for j, e := range p.events {
			latest[e.name] = max(latest[e.name], first+int64(j))
		}
		head = max(head, last)
	}
	for name, position := range latest {
		s.latest[name].advance(position)
	}
	s.head.advance(head)
}

const appendSQL = `select first_position from append_events($1, $2, $3, $4, $5, $6, $7, $8)`

// appendBatch appends a batch in one transaction and returns a result for each append. After an error nothing is written, unless
// the connection was lost during the commit: that leaves it open.
func (s *Store) appendBatch(ctx context.Context, batch []*pendingAppend) ([]appendResult, error) {
	n := 0
	for _, p := range batch {
		n += len(p.events)
	}
	var (
		streams  = make([]string, 0, len(batch))
		expected = make([]int64, 0, len(batch))
		commands = make([]int32, 0, n)
		sessions = make([]string, 0, n)
		names    = make([]string, 0, n)
		schemas  = make([]int16, 0, n)
		datas    = make([]string, 0, n)
		occurred = make([]time.Time, 0, n)
	)
	for i, p := range batch {
		streams, expected = append(streams, p.stream), append(expected, p.expected)
		for _, e := range p.events {
			commands, sessions, names = append(commands, int32(i+1)), append(sessions, e.session), append(names, e.name)
			schemas, datas, occurred = append(schemas, e.schema), append(datas, e.data), append(occurred, e.occurred)
		}
	}
	// ForEachRow returns the query's error.
	rows, _ := s.pool.Query(ctx, appendSQL, streams, expected, commands, sessions, names, schemas, datas, occurred)
	results := make([]appendResult, 0, len(batch))
	var first *int64
	_, err := pgx.ForEachRow(rows, []any{&first}, func() error {
		if first == nil {
			results = append(results, appendResult{err: ErrConflict})
			return nil
		}
		results = append(results, appendResult{position: *first + int64(len(batch[len(results)].events)) - 1})
		return nil
	})
	return results, err
}
