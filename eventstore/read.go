package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const recordedColumns = `e.position, e.stream_id, e.version, e.session_id, e.type, e.schema, e.data, e.occurred_at, e.recorded_at`

const readAllSQL = `select ` + recordedColumns + ` from public.events e where e.position > $1 order by e.position limit $2`

// ReadAll reads up to limit events after a position (0: from the beginning), in order. Fewer than limit means that
// there were no more.
func (s *Store) ReadAll(ctx context.Context, after int64, limit int) ([]Recorded, error) {
	return s.read(ctx, s.pool, "read the log", readAllSQL, after, limit)
}

// ReadAllIn is ReadAll as a transaction of the caller's sees the log.
func (s *Store) ReadAllIn(ctx context.Context, tx pgx.Tx, after int64, limit int) ([]Recorded, error) {
	return s.read(ctx, tx, "read the log", readAllSQL, after, limit)
}

const readStreamSQL = `select ` + recordedColumns + ` from events e
	where e.stream_id = $1 and e.version > $2 order by e.version`

// ReadStream reads a stream's events after a version. None means that the stream is (still) at that version.
func (s *Store) ReadStream(ctx context.Context, stream string, after int64) ([]Recorded, error) {
	return s.read(ctx, s.pool, "read stream "+stream, readStreamSQL, stream, after)
}

// ReadStreamPage reads up to limit of a stream's events after a version. Fewer than limit means that there were no more.
func (s *Store) ReadStreamPage(ctx context.Context, stream string, after int64, limit int) ([]Recorded, error) {
	return s.read(ctx, s.pool, "read stream "+stream, readStreamSQL+" limit $3", stream, after, limit)
}

// Backwards along the stream: over no more events than whoever asks goes on to read.
const versionAtSQL = `
	select coalesce((select e.version from events e where e.stream_id = $1 and e.position <= $2
		order by e.version desc limit 1), 0)`

// VersionAt is the version that a stream had at a position of the log, 0 where it did not exist yet. It takes time with the
// number of events that the stream has after the position.
func (s *Store) VersionAt(ctx context.Context, stream string, position int64) (version int64, err error) {
	if err := s.pool.QueryRow(ctx, versionAtSQL, stream, position).Scan(&version); err != nil {
		return 0, fmt.Errorf("read stream %s: %w", stream, err)
	}
	return version, nil
}

// "limit 1" where max() would do: not knowing better, the planner has max() look at every chapter of the stream.
const loadSQL = `select ` + recordedColumns + ` from events e
	where e.stream_id = $1 and e.version >= coalesce(
		(select c.version from events c where c.stream_id = $1 and c.type = 'SessionStarted'
		 order by c.version desc limit 1), 1)
	order by e.version`

// Load reads the latest chapter of a stream: from its last SessionStarted on. What came before cannot matter to any
// decision, so a study's age costs nothing. No events: the stream does not exist.
func (s *Store) Load(ctx context.Context, stream string) ([]Recorded, error) {
	return s.read(ctx, s.pool, "load stream "+stream, loadSQL, stream)
}

const loadSessionSQL = `
	with start as (select stream_id, version from events where session_id = $1 and type = 'SessionStarted')
	select ` + recordedColumns + ` from start join events e using (stream_id)
	where e.version >= start.version and e.version < coalesce(
		(select c.version from events c
		 where c.stream_id = start.stream_id and c.type = 'SessionStarted' and c.version > start.version
		 order by c.version limit 1),
		9223372036854775807)
	order by e.version`

// LoadSession reads one session's chapter, of whichever stream. No events: there is no such session.
func (s *Store) LoadSession(ctx context.Context, sessionID string) ([]Recorded, error) {
	return s.read(ctx, s.pool, "load session "+sessionID, loadSessionSQL, sessionID)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (s *Store) read(ctx context.Context, from querier, doing, sql string, args ...any) ([]Recorded, error) {
	rows, err := from.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	events, err := collect(rows, s.types)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return events, nil
}

func collect(rows pgx.Rows, types *types) ([]Recorded, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Recorded, error) {
		r := Recorded{types: types}
		err := row.Scan(&r.Position, &r.Stream, &r.Version, &r.Session, &r.Type, &r.Schema, (*[]byte)(&r.Data),
			&r.OccurredAt, &r.RecordedAt)
		return r, err
	})
}
