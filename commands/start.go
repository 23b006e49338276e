package commands

import (
	"context"
	"time"

	"github.com/studycall/studycall/domain"
)

// StartSession opens a session of a study. It joins nobody.
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
	// Created says that this command opened it; otherwise it was open already.
	Created  bool
	Position int64
}

// StartSession needs an active member. Of several at the same moment one creates the session and all get it.
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
