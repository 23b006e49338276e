package eventstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
)

const recordedColumns = `e.position, e.stream_id, e.version, e.session_id, e.type, e.schema, e.data, e.occurred_at, e.recorded_at`

const readAllSQL = `select ` + recordedColumns + ` from public.events e where e.position > $1 order by e.position limit $2`

// ReadAll reads up to limit events after a position (0: from the beginning), in order. If it returns fewer, there are no more.
func (s *Store) ReadAll(ctx context.Context, after int64, limit int) ([]Recorded, error) {
	return read(ctx, s.pool, s.types, "read the log", readAllSQL, after, limit)
}

// ReadAllIn is ReadAll in a transaction of the caller.
func (s *Store) ReadAllIn(ctx context.Context, tx pgx.Tx, after int64, limit int) ([]Recorded, error) {
	return read(ctx, tx, s.types, "read the log", readAllSQL, after, limit)
}

const readStreamSQL = `select ` + recordedColumns + ` from events e
	where e.stream_id = $1 and e.version > $2 order by e.version limit $3`

// ReadStreamPage reads up to limit events of a stream after a version, in order. If it returns fewer, there are no more.
func (s *Store) ReadStreamPage(ctx context.Context, stream string, after int64, limit int) ([]Recorded, error) {
	return read(ctx, s.pool, s.types, "read stream "+stream, readStreamSQL, stream, after, limit)
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
	return read(ctx, s.pool, s.types, "load stream "+stream, loadSQL, stream)
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
	return read(ctx, s.pool, s.types, "load session "+sessionID, loadSessionSQL, sessionID)
}

// "order by … limit 1" instead of max(), as in loadSQL. "offset 0" makes each session one range of the index: otherwise the
// planner may join with whole streams. The schema is named because a projection's tables may come first in the search path.
const chaptersSQL = `
	select ` + recordedColumns + `
	from unnest($1::text[], $2::bigint[]) with ordinality as ending (stream_id, version, ord)
	cross join lateral (
		select c.version from public.events c
		where c.stream_id = ending.stream_id and c.version <= ending.version and c.type = 'SessionStarted'
		order by c.version desc limit 1) as start
	cross join lateral (
		select * from public.events
		where stream_id = ending.stream_id and version between start.version and ending.version offset 0) as e
	order by ending.ord, e.version`

// Chapters reads, for each of the given events, its chapter from the SessionStarted up to that event, in a transaction of the
// caller. The chapters come one after the other, in the order of the given events.
func Chapters(ctx context.Context, tx pgx.Tx, endings []Recorded) ([]Recorded, error) {
	if len(endings) == 0 {
		return nil, nil
	}
	streams, versions := make([]string, len(endings)), make([]int64, len(endings))
	for i, e := range endings {
		streams[i], versions[i] = e.Stream, e.Version
	}
	return read(ctx, tx, endings[0].types, fmt.Sprintf("read %d sessions", len(endings)), chaptersSQL, streams, versions)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func read(ctx context.Context, from querier, types *types, doing, sql string, args ...any) ([]Recorded, error) {
	rows, _ := from.Query(ctx, sql, args...) // CollectRows returns the error
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

// Recorded is an event as the log holds it.
type Recorded struct {
	Position   int64
	Stream     string
	Version    int64
	Session    string
	Type       string
	Schema     int16
	Data       json.RawMessage
	OccurredAt time.Time // business time, UTC
	RecordedAt time.Time // the database's clock, UTC

	types *types
}

const streamPrefix = "call-"

// Stream returns the id of a study's stream.
func Stream(studyID string) string { return streamPrefix + studyID }

// Study returns the id of the study whose stream holds the event.
func (r Recorded) Study() string { return strings.TrimPrefix(r.Stream, streamPrefix) }

// Current returns the event's data in the shape that is written now. The error is an *UnknownEventError.
func (r Recorded) Current() (json.RawMessage, error) {
	_, data, err := r.types.current([]byte(r.Type), r.Schema, r.Data)
	if err != nil {
		return nil, &UnknownEventError{r.Position, r.Type, r.Schema, err}
	}
	return data, nil
}

// Event decodes the event. The error is an *UnknownEventError.
func (r Recorded) Event() (domain.Event, error) {
	fact := domain.Fact{SessionID: r.Session, At: r.OccurredAt}
	event, err := r.types.decode([]byte(r.Type), r.Schema, fact, r.Data, func(b []byte) string { return string(b) })
	if err != nil {
		return nil, &UnknownEventError{r.Position, r.Type, r.Schema, err}
	}
	return event, nil
}
