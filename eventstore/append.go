package eventstore

import (
	"context"
	"errors"

	"github.com/studycall/studycall/domain"
)

// ErrConflict means that the stream is not at the expected version: another append came first. Nothing was written.
var ErrConflict = errors.New("the stream is not at the expected version")

// ErrUnavailable means that the database was unavailable, or became unavailable during the append. It is not known whether
// the events were appended.
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
