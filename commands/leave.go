package commands

import (
	"context"
	"time"

	"github.com/studycall/studycall/domain"
)

// LeaveSession takes a user out of a session. The last participant to leave ends it.
type LeaveSession struct {
	StudyID   string
	SessionID string
	UserID    string
	Reason    domain.LeaveReason
	At        time.Time
}

// LeaveSession is for every user who joined the session, members or not: a removed member must be able to leave. Leaving
// twice, or after the session ended, is no error. It returns the position that the answer rests on, or
// domain.ErrParticipantNotFound if the user never joined the session.
func (h *Handlers) LeaveSession(ctx context.Context, cmd LeaveSession) (int64, error) {
	leave := domain.LeaveSession{SessionID: cmd.SessionID, UserID: cmd.UserID, Reason: cmd.Reason, At: cmd.At}
	return h.decideOnSession(ctx, cmd.StudyID, cmd.SessionID, leave, domain.ErrParticipantNotFound, nil)
}
