package commands

import (
	"context"
	"time"

	"github.com/studycall/studycall/domain"
)

// StartSession opens a session of a study. It adds no participant.
type StartSession struct {
	StudyID string
	UserID  string
	At      time.Time
}

// Started is the study's open session.
type Started struct {
	SessionID string
	StartedBy string
	StartedAt time.Time
	// Created is true if this command opened the session, false if it was open already.
	Created  bool
	Position int64
}

// StartSession is for active members, else domain.ErrNotStudyMember. Of several concurrent starts one creates the session,
// and all return it.
func (h *Handlers) StartSession(ctx context.Context, cmd StartSession) (Started, error) {
	if err := h.access.ActiveMember(ctx, cmd.StudyID, cmd.UserID); err != nil {
		return Started{}, err
	}
	var answer Started
	start := domain.StartSession{SessionID: h.newID(), UserID: cmd.UserID, At: cmd.At}
	position, err := h.decide(ctx, cmd.StudyID, start, func(call domain.Call) {
		s := call.Session
		answer = Started{SessionID: s.ID, StartedBy: s.StartedBy, StartedAt: s.StartedAt, Created: s.ID == start.SessionID}
	})
	if err != nil {
		return Started{}, err
	}
	answer.Position = position
	return answer, nil
}
