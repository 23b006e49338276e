package projections

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// Sessions is the read model of single sessions: a study's open one, and every ended one's detail.
type Sessions struct{}

// Name implements Projection.
func (Sessions) Name() string { return "sessions" }

// Version implements Projection.
func (Sessions) Version() Version { return Version{Number: 1} }

// Tables implements Projection.
func (Sessions) Tables() string {
	return `
		create table sessions (
			id         text        not null primary key,
			study_id   text        not null,
			started_by text        not null,
			started_at timestamptz not null,
			ended_at   timestamptz,              -- null while it is open
			end_reason text,
			position   bigint      not null      -- of the last event that is in this row and its participants
		);
		-- One row per user and session, however often the user left and came back. A *_since is set while the stretch of
		-- time goes on that will be added to its *_ms, in milliseconds.
		create table participants (
			session_id       text        not null,
			user_id          text        not null,
			id               text        not null,
			ordinal          int         not null,   -- order of first join, from 0
			joined_at        timestamptz not null,   -- of the first stint
			left_at          timestamptz,            -- of the latest stint; null while in the call
			last_at          timestamptz not null,   -- of the latest event
			present_ms       bigint      not null,
			present_since    timestamptz,
			muted_ms         bigint      not null,
			muted_since      timestamptz,
			camera_off_ms    bigint      not null,
			camera_off_since timestamptz,
			sharing_ms       bigint      not null,
			sharing_since    timestamptz,
			primary key (session_id, user_id)
		) with (fillfactor = 80)`
}

// Indexes implements Projection.
func (Sessions) Indexes() string {
	return `
		-- At most one session of a study is open.
		create unique index sessions_open on sessions (study_id) where ended_at is null`
}

// sessionRow is a session as its tables hold it.
type sessionRow struct {
	studyID  string
	call     domain.Call
	position int64 // of the last event in it
}

// Folds implements Projection.
func (Sessions) Folds() domain.Event { return nil }

// Fold implements Projection. It loads the sessions that the events are of, evolves them with domain's function, and
// writes back what changed, each in one round trip.
func (Sessions) Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	before, err := loadSessions(ctx, tx, events)
	if err != nil {
		return err
	}
	after := make(map[string]*sessionRow, len(before))
	for id, row := range before {
		after[id] = &sessionRow{row.studyID, row.call.Clone(), row.position}
	}
	for _, recorded := range events {
		event, err := recorded.Event()
		if err != nil {
			return err
		}
		row, known := after[recorded.Session]
		if !known {
			row = &sessionRow{studyID: recorded.Study()}
			after[recorded.Session] = row
		}
		if recorded.Position <= row.position {
			continue // delivered before
		}
		row.call.Evolve(event)
		row.position = recorded.Position
	}
	return writeSessions(ctx, tx, before, after)
}

func loadSessions(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) (map[string]*sessionRow, error) {
	rows := make(map[string]*sessionRow, len(events))
	var ids []string
	for _, e := range events {
		if _, asked := rows[e.Session]; !asked {
			rows[e.Session] = nil
			ids = append(ids, e.Session)
		}
	}
	clear(rows)
	batch := &pgx.Batch{}
	batch.Queue(`select s.study_id, s.position, `+sessionColumns+` from sessions s where s.id = any($1)`, ids).
		Query(func(r pgx.Rows) error {
			var row sessionRow
			into := append([]any{&row.studyID, &row.position}, sessionTargets(&row.call.Session)...)
			_, err := pgx.ForEachRow(r, into, func() error {
				loaded := row
				rows[loaded.call.Session.ID] = &loaded
				return nil
			})
			return err
		})
	batch.Queue(`select p.session_id, `+participantColumns+` from participants p
		where p.session_id = any($1) order by p.session_id, p.ordinal`, ids).
		Query(func(r pgx.Rows) error {
			var sessionID string
			var p domain.Participant
			_, err := pgx.ForEachRow(r, append([]any{&sessionID}, participantTargets(&p)...), func() error {
				s := &rows[sessionID].call.Session
				s.Participants = append(s.Participants, p)
				return nil
			})
			return err
		})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("load sessions: %w", err)
	}
	return rows, nil
}

const upsertSessionsSQL = `
	insert into sessions (study_id, position, id, started_by, started_at, ended_at, end_reason)
	select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[])
	on conflict (id) do update
	set position = excluded.position, ended_at = excluded.ended_at, end_reason = excluded.end_reason`

const upsertParticipantsSQL = `
	insert into participants (session_id, ordinal, id, user_id, joined_at, left_at, last_at,
		present_ms, present_since, muted_ms, muted_since, camera_off_ms, camera_off_since, sharing_ms, sharing_since)
	select * from unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
		$7::timestamptz[], $8::bigint[], $9::timestamptz[], $10::bigint[], $11::timestamptz[], $12::bigint[],
		$13::timestamptz[], $14::bigint[], $15::timestamptz[])
	on conflict (session_id, user_id) do update
	set left_at = excluded.left_at, last_at = excluded.last_at,
		present_ms = excluded.present_ms, present_since = excluded.present_since,
		muted_ms = excluded.muted_ms, muted_since = excluded.muted_since,
		camera_off_ms = excluded.camera_off_ms, camera_off_since = excluded.camera_off_since,
		sharing_ms = excluded.sharing_ms, sharing_since = excluded.sharing_since`

func writeSessions(ctx context.Context, tx pgx.Tx, before, after map[string]*sessionRow) error {
	// In the order of their last events: a study's session ends before its next one is open.
	rows := slices.SortedFunc(maps.Values(after), func(a, b *sessionRow) int { return cmp.Compare(a.position, b.position) })
	var sessions, participants [][]any
	for _, row := range rows {
		s := row.call.Session
		old, known := before[s.ID]
		if s.ID == "" || known && old.position == row.position {
			continue
		}
		sessions = append(sessions, sessionValues(row.studyID, row.position, s))
		for i := range s.Participants {
			p := &s.Participants[i]
			if !known || i >= len(old.call.Session.Participants) || old.call.Session.Participants[i] != *p {
				participants = append(participants, participantValues(s.ID, i, p))
			}
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(upsertSessionsSQL, byColumn(sessions, len(sessionFields()))...)
	batch.Queue(upsertParticipantsSQL, byColumn(participants, len(participantFields()))...)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write sessions: %w", err)
	}
	return nil
}
