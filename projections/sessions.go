package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// Sessions is the read model of single sessions: each study's open session, and the details of every ended one.
type Sessions struct{}

// Name implements Projection.
func (Sessions) Name() string { return "sessions" }

// Version implements Projection.
func (Sessions) Version() Version { return Version{Number: 1} }

// Tables implements Projection.
func (Sessions) Tables() string {
	return sessionsTable().createSQL() + ";" + participantsTable().createSQL()
}

// Indexes implements Projection.
func (Sessions) Indexes() string {
	return sessionsTable().primaryKeySQL() + ";" + participantsTable().primaryKeySQL() + `;
		-- At most one session of a study is open.
		create unique index sessions_open on sessions (study_id) where ended_at is null`
}

func sessionsTable() table[chapter] {
	return table[chapter]{name: "sessions", columns: []column[chapter]{
		{"id", "text", key, func(c *chapter) any { return &c.Session.ID }},
		{"study_id", "text", fixed, func(c *chapter) any { return &c.study }},
		{"started_by", "text", fixed, func(c *chapter) any { return &c.Session.StartedBy }},
		{"started_at", "timestamptz", fixed, func(c *chapter) any { return &c.Session.StartedAt }},
		{"ended_at", "timestamptz", optional, func(c *chapter) any { return &c.Session.EndedAt }}, // null while it is open
		{"end_reason", "text", optional, func(c *chapter) any { return (*string)(&c.Session.EndReason) }},
		// position is that of the last event that the row and its participants hold.
		{"position", "bigint", replaced, func(c *chapter) any { return &c.position }},
	}}
}

// participantRow is a row of participants: one user's record in one session, however often the user left and came back.
type participantRow struct {
	session string
	ordinal int32 // order of first join, from 0
	*domain.Participant
}

func participantRows(c *chapter) []participantRow {
	rows := make([]participantRow, len(c.Session.Participants))
	for i := range rows {
		rows[i] = participantRow{c.Session.ID, int32(i), &c.Session.Participants[i]}
	}
	return rows
}

func participantsTable() table[participantRow] {
	return table[participantRow]{name: "participants", fillfactor: 80, columns: slices.Concat(
		[]column[participantRow]{
			{"session_id", "text", key, func(r *participantRow) any { return &r.session }},
			{"user_id", "text", key, func(r *participantRow) any { return &r.UserID }},
			{"id", "text", fixed, func(r *participantRow) any { return &r.ID }},
			{"ordinal", "int", fixed, func(r *participantRow) any { return &r.ordinal }},
			{"joined_at", "timestamptz", fixed, func(r *participantRow) any { return &r.JoinedAt }},
			{"left_at", "timestamptz", optional, func(r *participantRow) any { return &r.LeftAt }}, // null while in the call
			{"last_at", "timestamptz", replaced, func(r *participantRow) any { return &r.LastAt }},
		},
		stopwatchColumns("present", func(r *participantRow) *domain.Stopwatch { return &r.Present }),
		stopwatchColumns("muted", func(r *participantRow) *domain.Stopwatch { return &r.Muted }),
		stopwatchColumns("camera_off", func(r *participantRow) *domain.Stopwatch { return &r.CameraOff }),
		stopwatchColumns("sharing", func(r *participantRow) *domain.Stopwatch { return &r.Sharing }),
	)}
}

// stopwatchColumns are the total in milliseconds, and the time since when the stopwatch runs, null while it does not.
func stopwatchColumns(name string, stopwatch func(*participantRow) *domain.Stopwatch) []column[participantRow] {
	return []column[participantRow]{
		{name + "_ms", "bigint", replaced, func(r *participantRow) any { return (*milliseconds)(&stopwatch(r).Total) }},
		{name + "_since", "timestamptz", optional, func(r *participantRow) any { return &stopwatch(r).Since }},
	}
}

// Folds implements Projection.
func (Sessions) Folds() domain.Event { return nil }

// Fold implements Projection. Loading the events' sessions and writing back what changed take one round trip each.
func (Sessions) Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	before, err := loadChapters(ctx, tx, events)
	if err != nil {
		return err
	}
	after := make(map[string]*chapter, len(before))
	for id, c := range before {
		after[id] = &chapter{c.study, c.Clone(), c.position}
	}
	for _, recorded := range events {
		event, err := recorded.Event()
		if err != nil {
			return err
		}
		c, known := after[recorded.Session]
		if !known {
			c = &chapter{study: recorded.Study()}
			after[recorded.Session] = c
		}
		if recorded.Position <= c.position {
			continue // delivered before
		}
		c.Evolve(event)
		c.position = recorded.Position
	}
	return writeChapters(ctx, tx, before, after)
}

func loadSessionsSQL() string {
	return `select ` + sessionsTable().list("") + ` from sessions where id = any($1)`
}

func loadParticipantsSQL() string {
	return `select ` + participantsTable().list("") + ` from participants where session_id = any($1) order by session_id, ordinal`
}

// loadChapters reads the sessions of the events from the tables, by session id.
func loadChapters(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) (map[string]*chapter, error) {
	var ids []string
	for _, e := range events {
		ids = append(ids, e.Session)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	chapters := make(map[string]*chapter, len(ids))
	batch := &pgx.Batch{}
	batch.Queue(loadSessionsSQL(), ids).Query(func(rows pgx.Rows) error {
		var row chapter
		_, err := pgx.ForEachRow(rows, sessionsTable().targets(&row), func() error {
			loaded := row
			chapters[row.Session.ID] = &loaded
			return nil
		})
		return err
	})
	batch.Queue(loadParticipantsSQL(), ids).Query(func(rows pgx.Rows) error {
		row := participantRow{Participant: &domain.Participant{}}
		_, err := pgx.ForEachRow(rows, participantsTable().targets(&row), func() error {
			s := &chapters[row.session].Session
			s.Participants = append(s.Participants, *row.Participant)
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("load sessions: %w", err)
	}
	return chapters, nil
}

// writeChapters writes the sessions and participants that changed.
func writeChapters(ctx context.Context, tx pgx.Tx, before, after map[string]*chapter) error {
	// In the order of their last events: a study's session ends before its next one is open.
	ordered := slices.SortedFunc(maps.Values(after), func(a, b *chapter) int { return cmp.Compare(a.position, b.position) })
	var sessions []chapter
	var participants []participantRow
	for _, c := range ordered {
		old, known := before[c.Session.ID]
		if c.Session.ID == "" || known && old.position == c.position {
			continue
		}
		sessions = append(sessions, *c)
		for i, row := range participantRows(c) {
			if !known || i >= len(old.Session.Participants) || old.Session.Participants[i] != *row.Participant {
				participants = append(participants, row)
			}
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(sessionsTable().upsertSQL(), sessionsTable().args(sessions)...)
	batch.Queue(participantsTable().upsertSQL(), participantsTable().args(participants)...)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write sessions: %w", err)
	}
	return nil
}

// Replay implements Projection.
func (Sessions) Replay() Replay {
	sessions := &copyBuffer[chapter]{table: sessionsTable()}
	participants := &copyBuffer[participantRow]{table: participantsTable()}
	add := func(c *chapter) {
		sessions.add(c)
		rows := participantRows(c)
		for i := range rows {
			participants.add(&rows[i])
		}
	}
	return Replay{buffers: []buffer{sessions, participants}, add: add, finish: func(open []*chapter) {
		for _, c := range open {
			add(c)
		}
	}}
}

// freshRetry is the pause before a query is repeated on tables that should have caught up but have not: after a crash of
// Postgres, a checkpoint may go back a little before it goes on.
const freshRetry = 5 * time.Millisecond

// SessionQueries reads the sessions projection. Its methods may be called concurrently.
type SessionQueries struct {
	queries
	// FreshWithin is how long a query waits for the projection to hold the study's latest event, before it returns what the
	// tables hold: half a second. It may be changed before the first query.
	FreshWithin time.Duration
}

// NewSessionQueries reads the tables through pool, and waits for the projection through store.
func NewSessionQueries(pool *pgxpool.Pool, store *eventstore.Store) *SessionQueries {
	return &SessionQueries{queries{pool, store, checkpointName(Sessions{})}, 500 * time.Millisecond}
}

// One statement reads the session, the checkpoint and the study's latest position, so all three are of one snapshot. The
// latest position takes one search in the index of the study's stream: events of other studies do not matter.
func selectSessionSQL(condition string) string {
	return `
select c.position,
	coalesce((select e.position from events e where e.stream_id = $3 order by e.version desc limit 1), 0),
	` + sessionsTable().list("s") + `,
	` + participantsTable().list("p") + `
from checkpoints c
left join sessions.sessions s on ` + condition + `
left join sessions.participants p on p.session_id = s.id
where c.name = $1
order by p.ordinal`
}

func openSessionSQL() string { return selectSessionSQL(`s.study_id = $2 and s.ended_at is null`) }
func sessionSQL() string     { return selectSessionSQL(`s.study_id = $2 and s.id = $4`) }

// Open returns a study's open session; its ID is empty if there is none. It waits up to FreshWithin until the tables hold
// all events of the study. The position is that of the last event in the tables.
func (q *SessionQueries) Open(ctx context.Context, studyID string) (domain.Session, int64, error) {
	return q.fresh(ctx, openSessionSQL(), studyID, eventstore.Stream(studyID))
}

// Session returns one session of a study, open or ended, as fresh as Open. The error is domain.ErrSessionNotFound if the
// study has no such session.
func (q *SessionQueries) Session(ctx context.Context, studyID, sessionID string) (domain.Session, int64, error) {
	session, position, err := q.fresh(ctx, sessionSQL(), studyID, eventstore.Stream(studyID), sessionID)
	if err == nil && session.ID == "" {
		return session, position, domain.ErrSessionNotFound
	}
	return session, position, err
}

// fresh executes a query of selectSessionSQL until the tables hold the study's latest event, or FreshWithin has passed. It
// returns the position up to which the tables hold the log.
func (q *SessionQueries) fresh(ctx context.Context, sql string, args ...any) (domain.Session, int64, error) {
	waiting, cancel := context.WithTimeout(ctx, q.FreshWithin)
	defer cancel()
	for attempt := 0; ; attempt++ {
		if attempt > 1 {
			select {
			case <-time.After(freshRetry):
			case <-waiting.Done():
			}
		}
		var session domain.Session
		var checkpoint, latest int64
		err := q.readSessions(ctx, sql, args, []any{&checkpoint, &latest}, func(_ string, s domain.Session) { session = s })
		if err != nil {
			return domain.Session{}, 0, err
		}
		if checkpoint >= latest || waiting.Err() != nil {
			return session, checkpoint, nil
		}
		err = q.WaitFor(waiting, latest)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return domain.Session{}, 0, err
		}
	}
}

// readSessions executes a query whose rows are some values for into, a session, and one of its participants. It calls each after
// each row, with the participants so far.
func (q *SessionQueries) readSessions(
	ctx context.Context, sql string, args, into []any, each func(study string, session domain.Session),
) error {
	var row chapter
	p := participantRow{Participant: &domain.Participant{}}
	var session domain.Session
	into = slices.Concat(into, sessionsTable().targets(&row), participantsTable().targets(&p))
	return q.read(ctx, sql, args, into, func() error {
		if row.Session.ID == "" {
			return nil // no session
		}
		if row.Session.ID != session.ID {
			session = row.Session
		}
		if p.ID != "" {
			session.Participants = append(session.Participants, *p.Participant)
		}
		each(row.study, session)
		return nil
	})
}

// The index of open sessions holds nothing but these, and "offset 0" makes the planner look up each one's participants by
// their key, so ended sessions cost nothing. Without it the planner reads all participants of all sessions (of 121,200, with
// 300 calls open, in 22 ms instead of 4).
func openCallsSQL() string {
	return `
select c.position,
	` + sessionsTable().list("s") + `,
	` + participantsTable().list("p") + `
from checkpoints c
left join sessions.sessions s on s.ended_at is null
left join lateral (select * from sessions.participants where session_id = s.id offset 0) p on true
where c.name = $1
order by s.study_id, p.ordinal`
}

// OpenCalls returns the open session of every study that has one, by study. It does not wait for the newest events.
func (q *SessionQueries) OpenCalls(ctx context.Context) (map[string]domain.Session, error) {
	var position int64
	calls := map[string]domain.Session{}
	err := q.readSessions(ctx, openCallsSQL(), nil, []any{&position}, func(study string, s domain.Session) { calls[study] = s })
	return calls, err
}
