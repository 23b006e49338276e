package commands

import (
	"context"
	"time"

	"github.com/studycall/studycall/domain"
)

// JoinSession puts a user into the study's open session.
type JoinSession struct {
	StudyID   string
	SessionID string
	UserID    string
	At        time.Time
}

// Joined is the user's record in the session.
type Joined struct {
	Participant domain.Participant
	// Session is the session right after the join.
	Session domain.Session
	// First is true if the user had not joined this session before.
	First    bool
	Position int64
}

// JoinSession is for active members. Joining while in the call changes nothing. Errors: domain.ErrNotStudyMember,
// domain.ErrSessionNotFound for an unknown session or another study's, domain.ErrSessionEnded, domain.ErrRoomFull.
func (h *Handlers) JoinSession(ctx context.Context, cmd JoinSession) (Joined, error) {
	if err := h.access.ActiveMember(ctx, cmd.StudyID, cmd.UserID); err != nil {
		return Joined{}, err
	}
	join := domain.JoinSession{
		SessionID: cmd.SessionID, ParticipantID: h.newID(), UserID: cmd.UserID, Capacity: h.settings.Capacity, At: cmd.At,
	}
	var answer Joined
	position, err := h.decideOnSession(ctx, cmd.StudyID, cmd.SessionID, join, domain.ErrSessionNotFound,
		func(call domain.Call) {
			session := call.Clone().Session // later commands of the batch change the call
			p := *session.Participant(cmd.UserID)
			answer = Joined{Participant: p, Session: session, First: p.ID == join.ParticipantID}
		})
	if err != nil {
		return Joined{}, err
	}
	answer.Position = position
	return answer, nil
}
