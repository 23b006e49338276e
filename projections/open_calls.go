package projections

import (
	"context"

	"github.com/studycall/studycall/domain"
)

// The index of open sessions holds nothing else, so the past costs nothing.
const openCallsSQL = `
	select c.position, s.study_id, ` + sessionColumns + `, ` + participantColumns + `
	from checkpoints c
	left join sessions.sessions s on s.ended_at is null
	left join sessions.participants p on p.session_id = s.id
	where c.name = $1
	order by s.study_id, p.ordinal`

// OpenCalls reads the open session of every study that has one, by study. It does not wait for the newest events.
func (q *SessionQueries) OpenCalls(ctx context.Context) (map[string]domain.Session, error) {
	var position int64
	var studyID string
	var session domain.Session
	var p domain.Participant
	into := append([]any{&position, text(&studyID)}, sessionTargets(&session)...)
	calls := map[string]domain.Session{}
	err := q.read(ctx, openCallsSQL, nil, append(into, participantTargets(&p)...), func() error {
		if session.ID == "" {
			return nil
		}
		session.Participants = calls[studyID].Participants
		if p.ID != "" {
			session.Participants = append(session.Participants, p)
		}
		calls[studyID] = session
		return nil
	})
	return calls, err
}
