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

const (
	// queueLimit is how many appends may wait for the committer; one more waits to be let in.
	queueLimit = 1024
	// batchLimit is how many appends are committed together at most. Measured: throughput is flat beyond 100.
	batchLimit = 256
	// yields is how often the committer lets others run before it gathers. Those whose appends it has just committed ask for
	// more at once: to let them speak first doubles what the next transaction carries (with 32 callers and 2 ms a commit,
	// 0.8 of the rate of single inserts and not 0.3). It is no delay: where nobody else can run, it returns at once.
	yields = 4
	// commitTimeout is how long one transaction may take before its appends fail.
	commitTimeout = 15 * time.Second
)

// ErrConflict says that the stream is not at the expected version: somebody else appended. Nothing was written.
var ErrConflict = errors.New("the stream is not at the expected version")

// ErrUnavailable says that the database is away, or went away during the append. Whether the events were appended is then
// not known.
var ErrUnavailable = errors.New("the database is not available")

// ErrClosed says that the store was closed before the append was begun. Nothing was written.
var ErrClosed = errors.New("the event store is closed")

// pendingAppend is one caller's append on its way through the committer.
type pendingAppend struct {
	stream   string
	expected int64
	events   []stored
	done     chan verdict // holds one: the committer never waits for a caller that went away
}

type verdict struct {
	position int64
	err      error
}

// Append adds the events, at least one, to a stream that is at the expected version (0: it must not exist), and
// returns the position of the last of them once they are durable. Errors: ErrConflict; ErrClosed; ctx's, when it ended
// first, in which case the events may or may not be appended; ErrUnavailable; or the database's.
func (s *Store) Append(ctx context.Context, stream string, expected int64, events []domain.Event) (int64, error) {
	p := &pendingAppend{stream, expected, make([]stored, len(events)), make(chan verdict, 1)}
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
	case v := <-p.done:
		return v.position, v.err
	case <-s.committed:
		// The committer has ended: it has answered, or it never saw this append.
		select {
		case v := <-p.done:
			return v.position, v.err
		default:
			return 0, ErrClosed
		}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// commitAppends is the group commit: it takes whatever has arrived while the last transaction was under way, and
// commits it together. An append that finds the committer idle is committed at once.
func (s *Store) commitAppends(ctx context.Context) {
	defer close(s.committed)
	var held []*pendingAppend // second appends to a stream that the last batch had already
	for {
		batch := held
		if len(batch) == 0 {
			select {
			case p := <-s.queue:
				batch = append(batch, p)
			case <-ctx.Done():
				return
			}
		}
		for range yields {
			runtime.Gosched()
		}
		batch, held = s.gather(batch)
		// Not ctx: what has been taken is committed, also while the store closes.
		s.commit(context.WithoutCancel(ctx), batch)
	}
}

// gather adds what is queued, one append per stream.
func (s *Store) gather(waiting []*pendingAppend) (batch, held []*pendingAppend) {
	streams := make(map[string]struct{}, batchLimit)
	take := func(p *pendingAppend) {
		if _, twice := streams[p.stream]; twice {
			held = append(held, p)
			return
		}
		streams[p.stream] = struct{}{}
		batch = append(batch, p)
	}
	for _, p := range waiting {
		take(p)
	}
	for len(batch)+len(held) < batchLimit {
		select {
		case p := <-s.queue:
			take(p)
		default:
			return batch, held
		}
	}
	return batch, held
}

// commit carries out a batch and tells every caller its verdict.
func (s *Store) commit(ctx context.Context, batch []*pendingAppend) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	verdicts, err := s.appendBatch(ctx, batch)
	switch {
	case err == nil:
	case postgres.Unavailable(err):
		verdicts = slices.Repeat([]verdict{{err: fmt.Errorf("append to the log: %w: %w", ErrUnavailable, err)}}, len(batch))
	case len(batch) == 1:
		verdicts = []verdict{{err: fmt.Errorf("append to the log: %w", err)}}
	default:
		// One bad row fails the transaction, but not its neighbours: each on its own.
		for _, p := range batch {
			s.commit(ctx, []*pendingAppend{p})
		}
		return
	}
	for i, p := range batch {
		p.done <- verdicts[i]
	}
	s.tellOf(batch, verdicts)
}

// tellOf tells those who wait for events how far the log is now: by the types first, so that who hears that the log has grown
// mostly knows whether with the type that it wants; where the database's notification was faster, it hears of that as well.
func (s *Store) tellOf(batch []*pendingAppend, verdicts []verdict) {
	head, latest := int64(0), map[string]int64{}
	for i, p := range batch {
		if verdicts[i].err != nil {
			continue
		}
		first := verdicts[i].position - int64(len(p.events)) + 1
		for j, e := range p.events {
			latest[e.name] = max(latest[e.name], first+int64(j))
		}
		head = max(head, verdicts[i].position)
	}
	for name, position := range latest {
		s.latest[name].advance(position)
	}
	s.head.advance(head)
}

const appendSQL = `select stream_version, first_position from append_events($1, $2, $3, $4, $5, $6, $7, $8)`

// appendBatch is one transaction: one verdict for each of the batch, or an error and nothing written, except that a
// connection lost during the commit leaves open whether it was.
func (s *Store) appendBatch(ctx context.Context, batch []*pendingAppend) ([]verdict, error) {
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
	rows, err := s.pool.Query(ctx, appendSQL, streams, expected, commands, sessions, names, schemas, datas, occurred)
	if err != nil {
		return nil, err
	}
	verdicts := make([]verdict, 0, len(batch))
	var version int64
	var first *int64
	_, err = pgx.ForEachRow(rows, []any{&version, &first}, func() error {
		if first == nil {
			verdicts = append(verdicts, verdict{err: ErrConflict})
			return nil
		}
		last := *first + int64(len(batch[len(verdicts)].events)) - 1
		verdicts = append(verdicts, verdict{position: last})
		return nil
	})
	return verdicts, err
}
