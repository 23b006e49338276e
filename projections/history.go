package projections

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// History is the read model of ended sessions, to be read page by page. A study's sessions are numbered 1, 2, 3 … in the
// order in which they ended, which is the order in which they started, since they never overlap. A page is a range of
// numbers, so every page costs the same.
type History struct{}

// Name implements Projection.
func (History) Name() string { return "history" }

// Version implements Projection.
func (History) Version() Version { return Version{Number: 1} }

// Tables implements Projection.
func (History) Tables() string { return historyTable().createSQL() }

// Indexes implements Projection. No query searches by the lists, and sampling them takes ten times as long as the rest of
// ANALYZE.
func (History) Indexes() string {
	return `
		alter table sessions alter participant_ids set statistics 0, alter user_ids set statistics 0,
			alter present_ms set statistics 0;
		` + historyTable().primaryKeySQL() + `;
		create unique index sessions_number on sessions (study_id, number);
		create index sessions_started_at on sessions (study_id, started_at, number)`
}

// historyRow is an ended session.
type historyRow struct {
	*chapter
	number         int64    // 1, 2, 3 … within the study
	participantIDs []string // in order of first join, as userIDs and present
	userIDs        []string
	present        []int64 // milliseconds
}

func newHistoryRow(c *chapter, number int64) historyRow {
	row := historyRow{chapter: c, number: number, participantIDs: []string{}, userIDs: []string{}, present: []int64{}}
	for i := range c.Session.Participants {
		p := &c.Session.Participants[i]
		row.participantIDs = append(row.participantIDs, p.ID)
		row.userIDs = append(row.userIDs, p.UserID)
		row.present = append(row.present, p.Present.Total.Milliseconds())
	}
	return row
}

func historyTable() table[historyRow] {
	return table[historyRow]{name: "sessions", columns: []column[historyRow]{
		{"session_id", "text", key, func(r *historyRow) any { return &r.Session.ID }},
		{"study_id", "text", fixed, func(r *historyRow) any { return &r.study }},
		{"number", "bigint", fixed, func(r *historyRow) any { return &r.number }},
		{"started_by", "text", fixed, func(r *historyRow) any { return &r.Session.StartedBy }},
		{"started_at", "timestamptz", fixed, func(r *historyRow) any { return &r.Session.StartedAt }},
		{"ended_at", "timestamptz", fixed, func(r *historyRow) any { return &r.Session.EndedAt }},
		{"participant_ids", "text[]", fixed, func(r *historyRow) any { return &r.participantIDs }},
		{"user_ids", "text[]", fixed, func(r *historyRow) any { return &r.userIDs }},
		{"present_ms", "bigint[]", fixed, func(r *historyRow) any { return &r.present }},
		{"position", "bigint", fixed, func(r *historyRow) any { return &r.position }}, // of its SessionEnded
	}}
}

// insertHistorySQL inserts a session whose number is the given one ($3) after the study's ($2) last. A session that the
// table holds already stays as it is.
func insertHistorySQL() string {
	t := historyTable()
	values := t.join(func(n int, _ column[historyRow]) string { return fmt.Sprintf("$%d", n+1) })
	number := `$3 + coalesce((select s.number from sessions s where s.study_id = $2 order by s.number desc limit 1), 0)`
	return `
insert into sessions (` + t.list("") + `)
values (` + strings.Replace(values, "$3", number, 1) + `)
on conflict (session_id) do nothing`
}

// Folds implements Projection.
func (History) Folds() domain.Event { return domain.SessionEnded{} }

// Fold implements Projection.
func (History) Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	chapters, err := endedChapters(ctx, tx, events)
	if err != nil || len(chapters) == 0 {
		return err
	}
	batch := &pgx.Batch{}
	for _, c := range chapters {
		row := newHistoryRow(c, 1)
		batch.Queue(insertHistorySQL(), historyTable().rowArgs(&row)...)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// Replay implements Projection.
func (History) Replay() Replay {
	last := map[string]int64{} // the latest number, by study
	rows := &copyBuffer[historyRow]{table: historyTable()}
	return Replay{buffers: []buffer{rows}, add: func(c *chapter) {
		last[c.study]++
		row := newHistoryRow(c, last[c.study])
		rows.add(&row)
	}}
}

// HistoryQueries reads the history projection. Its methods may be called concurrently.
type HistoryQueries struct{ queries }

// NewHistoryQueries reads the tables through pool, and waits for the projection through store.
func NewHistoryQueries(pool *pgxpool.Pool, store *eventstore.Store) *HistoryQueries {
	return &HistoryQueries{queries{pool, store, checkpointName(History{})}}
}

// HistoryPage selects a page of a study's history. Page 1 is the newest.
type HistoryPage struct {
	Number int64 // from 1 on; a page beyond the last is empty
	Limit  int64 // sessions on a page, at least 1
	// The history is limited to sessions that started at From or later and before Before. Nil is no bound.
	From, Before *time.Time
}

// maxSessions is more than any study has, and small enough to be added and subtracted without overflow.
const maxSessions = 1 << 53

// skipped returns how many sessions are newer than the page's.
func (p HistoryPage) skipped() int64 {
	if p.Number-1 > maxSessions/p.Limit {
		return maxSessions
	}
	return (p.Number - 1) * p.Limit
}

// PastSessions is one page of a study's history.
type PastSessions struct {
	Sessions []PastSession // the newest first
	Total    int64         // on all pages
	Position int64         // in the log: the page holds every event up to here
}

// PastSession is a session that has ended.
type PastSession struct {
	ID           string
	StartedBy    string
	StartedAt    time.Time
	EndedAt      time.Time
	Participants []PastParticipant // in order of first join
}

// PastParticipant is a participant of a session that has ended.
type PastParticipant struct {
	ID      string
	UserID  string
	Present time.Duration // whole milliseconds
}

// A study's sessions are numbered in the order of their starts, so the sessions within the bounds are a range of numbers, and
// a page is a part of that range: two searches in the index by time, and one walk along the index by number, no longer than
// the page.
func historySQL() string {
	return `
with bounds as materialized (
	select coalesce((
		select s.number from history.sessions s
		where s.study_id = $2 and s.started_at >= coalesce($3::timestamptz, '-infinity')
		order by s.started_at, s.number limit 1), 9223372036854775807) as first,
	coalesce((
		select s.number from history.sessions s
		where s.study_id = $2 and s.started_at < coalesce($4::timestamptz, 'infinity')
		order by s.started_at desc, s.number desc limit 1), 0) as last
)
select c.position, greatest(b.last - b.first + 1, 0),
	` + historyTable().list("s") + `
from checkpoints c
cross join bounds b
left join history.sessions s on s.study_id = $2
	and s.number between greatest(b.first, b.last - $5::bigint - $6::bigint + 1) and b.last - $5::bigint
where c.name = $1
order by s.number desc`
}

// Page returns one page of a study's ended sessions. A session that has just ended may be missing for a fraction of a
// second: see WaitFor. The error is ErrUnavailable, or the database's.
func (q *HistoryQueries) Page(ctx context.Context, studyID string, page HistoryPage) (PastSessions, error) {
	var found PastSessions
	row := historyRow{chapter: &chapter{}}
	into := slices.Concat([]any{&found.Position, &found.Total}, historyTable().targets(&row))
	args := []any{studyID, page.From, page.Before, page.skipped(), min(page.Limit, maxSessions)}
	err := q.read(ctx, historySQL(), args, into, func() error {
		if row.Session.ID == "" {
			return nil // the page is empty
		}
		past := PastSession{ID: row.Session.ID, StartedBy: row.Session.StartedBy, StartedAt: row.Session.StartedAt,
			EndedAt: row.Session.EndedAt, Participants: make([]PastParticipant, len(row.userIDs))}
		for i := range past.Participants {
			past.Participants[i] = PastParticipant{row.participantIDs[i], row.userIDs[i], time.Duration(row.present[i]) * time.Millisecond}
		}
		found.Sessions = append(found.Sessions, past)
		return nil
	})
	return found, err
}
