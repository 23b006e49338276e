package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/eventstore"
)

// HistoryQueries reads the history projection. Its methods may be called concurrently.
type HistoryQueries struct{ queries }

// NewHistoryQueries reads the tables through pool, and waits for them through store.
func NewHistoryQueries(pool *pgxpool.Pool, store *eventstore.Store) *HistoryQueries {
	return &HistoryQueries{queriesOn(History{}, pool, store)}
}

// HistoryPage is a part of a study's history, of which page 1 is the newest.
type HistoryPage struct {
	Number int64 // from 1 on; there is nothing on a page beyond the last
	Limit  int64 // sessions on a page, at least 1
	// Sessions are those that started at From or later and before Before. Nil is no bound.
	From, Before *time.Time
}

// farthest is more sessions than any study has, and little enough to subtract from.
const farthest = 1 << 53

// skipped is how many sessions are newer than those on the page.
func (p HistoryPage) skipped() int64 {
	if p.Number-1 > farthest/p.Limit {
		return farthest
	}
	return (p.Number - 1) * p.Limit
}

// PastSessions are one page of a study's history.
type PastSessions struct {
	Sessions []PastSession // the newest first
	Total    int64         // on all pages
	Position int64         // in the log: everything up to here counts
}

// PastSession is a session that has ended.
type PastSession struct {
	ID           string
	StartedBy    string
	StartedAt    time.Time
	EndedAt      time.Time
	Participants []PastParticipant // everybody, in order of first join
}

// PastParticipant is a participant of a session that has ended.
type PastParticipant struct {
	ID      string
	UserID  string
	Present time.Duration // whole milliseconds
}

// A study's sessions are numbered in the order of their starts, so those within the bounds are a range of numbers, and a
// page is a part of it: two looks into the index by time, and one walk along the index by number, no longer than the page.
const historySQL = `
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
		s.session_id, s.started_by, s.started_at, s.ended_at, s.participant_ids, s.user_ids, s.present_ms
	from checkpoints c
	cross join bounds b
	left join history.sessions s on s.study_id = $2
		and s.number between greatest(b.first, b.last - $5::bigint - $6::bigint + 1) and b.last - $5::bigint
	where c.name = $1
	order by s.number desc`

// Page reads one page of a study's ended sessions. One that has just ended may take a fraction of a second to appear: see
// WaitFor. The error is ErrUnavailable, or the database's.
func (q *HistoryQueries) Page(ctx context.Context, studyID string, page HistoryPage) (PastSessions, error) {
	var found PastSessions
	var s PastSession
	var ids, users []string
	var present []int64
	into := []any{&found.Position, &found.Total, text(&s.ID), text(&s.StartedBy), timestamp(&s.StartedAt), timestamp(&s.EndedAt),
		&ids, &users, &present}
	args := []any{studyID, page.From, page.Before, page.skipped(), min(page.Limit, farthest)}
	err := q.read(ctx, historySQL, args, into, func() error {
		if s.ID == "" {
			return nil // the page is empty
		}
		s.Participants = make([]PastParticipant, len(ids))
		for i := range ids {
			s.Participants[i] = PastParticipant{ids[i], users[i], time.Duration(present[i]) * time.Millisecond}
		}
		found.Sessions = append(found.Sessions, s)
		return nil
	})
	return found, err
}
