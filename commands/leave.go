package commands

import (
	"context"

	"github.com/studycall/studycall/domain"
)

// LeaveSession is for every user who joined the session, members or not: a removed member must be able to leave. Leaving
// twice, or after the session ended, is no error. It returns the position that the answer rests on, or
// domain.ErrParticipantNotFound if the user never joined the session.
func (h *Handlers) LeaveSession(ctx context.Context, studyID string, cmd domain.LeaveSession) (int64, error) {
	return h.decideOnSession(ctx, studyID, cmd.SessionID, cmd, domain.ErrParticipantNotFound, nil)
}
