package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const recordedColumns = `e.position, e.stream_id, e.version, e.session_id, e.type, e.schema, e.data, e.occurred_at, e.recorded_at`

const readAllSQL = `select ` + recordedColumns + ` from public.events e where e.position > $1 order by e.position limit $2`

// ReadAll reads up to limit events after a position (0: from the beginning), in order. If it returns fewer, there are no more.
func (s *Store) ReadAll(ctx context.Context, after int64, limit int) ([]Recorded, error) {
	return s.read(ctx, s.pool, "read the log", readAllSQL, after, limit)
}

// ReadAllIn is ReadAll in a transaction of the caller.
func (s *Store) ReadAllIn(ctx context.Context, tx pgx.Tx, after int64, limit int) ([]Recorded, error) {
	return s.read(ctx, tx, "read the log", readAllSQL, after, limit)
}

const readStreamSQL = `select ` + recordedColumns + ` from events e
	where e.stream_id = $1 and e.version > $2 order by e.version limit $3`

// ReadStreamPage reads up to limit events of a stream after a version, in order. If it returns fewer, there are no more.
func (s *Store) ReadStreamPage(ctx context.Context, stream string, after int64, limit int) ([]Recorded, error) {
	return s.read(ctx, s.pool, "read stream "+stream, readStreamSQL, stream, after, limit)
}

// Backwards along the stream, over the events after the position. A caller reads these next anyway.
const versionAtSQL = `
	select coalesce((select e.version from events e where e.stream_id = $1 and e.position <= $2
		order by e.version desc limit 1), 0)`

// VersionAt returns the version that a stream had at a position of the log, 0 if the stream did not exist. Its time grows with
// the number of the stream's events after the position.
func (s *Store) VersionAt(ctx context.Context, stream string, position int64) (version int64, err error) {
	if err := s.pool.QueryRow(ctx, versionAtSQL, stream, position).Scan(&version); err != nil {
		return 0, fmt.Errorf("read stream %s: %w", stream, err)
	}
	return version, nil
}

// "order by … limit 1" instead of max(): without statistics, the planner lets max() read every chapter of the stream.
const loadSQL = `select ` + recordedColumns + ` from events e
	where e.stream_id = $1 and e.version >= coalesce(
		(select c.version from events c where c.stream_id = $1 and c.type = 'SessionStarted'
		 order by c.version desc limit 1), 1)
	order by e.version`

// Load reads the latest chapter of a stream: from its last SessionStarted on. No decision depends on earlier events, so the
// time does not grow with the age of a study. It returns no events if the stream does not exist.
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

// LoadSession reads the chapter of one session. It returns no events if there is no such session.
func (s *Store) LoadSession(ctx context.Context, sessionID string) ([]Recorded, error) {
	return s.read(ctx, s.pool, "load session "+sessionID, loadSessionSQL, sessionID)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (s *Store) read(ctx context.Context, from querier, doing, sql string, args ...any) ([]Recorded, error) {
	return read(ctx, from, s.types, doing, sql, args...)
}

func read(ctx context.Context, from querier, types *types, doing, sql string, args ...any) ([]Recorded, error) {
	rows, err := from.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Recorded, error) {
		r := Recorded{types: types}
		err := row.Scan(&r.Position, &r.Stream, &r.Version, &r.Session, &r.Type, &r.Schema, (*[]byte)(&r.Data),
			&r.OccurredAt, &r.RecordedAt)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return events, nil
}
