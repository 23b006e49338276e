package projections

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// freshRetry is the pause before a look at tables that should have caught up but have not: after Postgres crashed, a
// checkpoint may go back a little before it goes on.
const freshRetry = 5 * time.Millisecond

// SessionQueries reads the sessions projection. Its methods may be called concurrently.
type SessionQueries struct {
	queries
	// FreshWithin is how long a query waits for the projection to catch up with what the study has in the log, before it
	// answers with what there is: half a second. It may be changed before the first query.
	FreshWithin time.Duration
}

// NewSessionQueries reads the tables through pool, and waits for them through store.
func NewSessionQueries(pool *pgxpool.Pool, store *eventstore.Store) *SessionQueries {
	return &SessionQueries{queriesOn(Sessions{}, pool, store), 500 * time.Millisecond}
}

// sessionQuery is the tables' answer, and how fresh it is: one statement, so one snapshot.
type sessionQuery struct {
	session    domain.Session
	checkpoint int64 // the tables hold the log up to here
	latest     int64 // of the study, in the log
}

// The study's latest position is one look at the index of its stream; other studies' traffic does not matter.
const sessionSelect = `
	select c.position,
		coalesce((select e.position from events e where e.stream_id = $3 order by e.version desc limit 1), 0),
		` + sessionColumns + `, ` + participantColumns + `
	from checkpoints c
	left join sessions.sessions s on `

const sessionFrom = `
	left join sessions.participants p on p.session_id = s.id
	where c.name = $1
	order by p.ordinal`

const (
	openSessionSQL = sessionSelect + `s.study_id = $2 and s.ended_at is null` + sessionFrom
	sessionSQL     = sessionSelect + `s.study_id = $2 and s.id = $4` + sessionFrom
)

// Open reads a study's open session; its ID is empty when there is none. It waits, up to FreshWithin, until the tables hold
// everything that the log has of the study. The position is that of the last event in the tables.
func (q *SessionQueries) Open(ctx context.Context, studyID string) (domain.Session, int64, error) {
	return q.fresh(ctx, openSessionSQL, studyID, eventstore.Stream(studyID))
}

// Session reads one session of a study, open or ended, as fresh as Open. The error is domain.ErrSessionNotFound where
// the study has no such session.
func (q *SessionQueries) Session(ctx context.Context, studyID, sessionID string) (domain.Session, int64, error) {
	session, position, err := q.fresh(ctx, sessionSQL, studyID, eventstore.Stream(studyID), sessionID)
	if err == nil && session.ID == "" {
		return session, position, domain.ErrSessionNotFound
	}
	return session, position, err
}

func (q *SessionQueries) fresh(ctx context.Context, sql string, args ...any) (domain.Session, int64, error) {
	patience, cancel := context.WithTimeout(ctx, q.FreshWithin)
	defer cancel()
	for attempt := 0; ; attempt++ {
		if attempt > 1 {
			select {
			case <-time.After(freshRetry):
			case <-patience.Done():
			}
		}
		found, err := q.look(ctx, sql, args...)
		if err != nil {
			return domain.Session{}, 0, err
		}
		if found.checkpoint >= found.latest || patience.Err() != nil {
			return found.session, found.checkpoint, nil
		}
		err = q.WaitFor(patience, found.latest)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return domain.Session{}, 0, err
		}
	}
}

func (q *SessionQueries) look(ctx context.Context, sql string, args ...any) (sessionQuery, error) {
	var found sessionQuery
	var p domain.Participant
	into := append([]any{&found.checkpoint, &found.latest}, sessionTargets(&found.session)...)
	err := q.read(ctx, sql, args, append(into, participantTargets(&p)...), func() error {
		if p.ID != "" {
			found.session.Participants = append(found.session.Participants, p)
		}
		return nil
	})
	return found, err
}
