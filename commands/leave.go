package commands

import (
	"context"
	"time"

	"github.com/studycall/studycall/domain"
)

// LeaveSession takes a user out of a session. The last one to leave ends it.
type LeaveSession struct {
	StudyID   string
	SessionID string
	UserID    string
	Reason    domain.LeaveReason
	At        time.Time
}

// LeaveSession is for whoever joined the session, also when no longer a member. Leaving twice, or after the session
// ended, is no error. It returns the position that the answer rests on. The error is domain.ErrParticipantNotFound
// where the user never joined it.
func (h *Handlers) LeaveSession(ctx context.Context, cmd LeaveSession) (int64, error) {
	leave := domain.LeaveSession{SessionID: cmd.SessionID, UserID: cmd.UserID, Reason: cmd.Reason, At: cmd.At}
	return h.decideOnSession(ctx, cmd.StudyID, cmd.SessionID, leave, domain.ErrParticipantNotFound,
		func(domain.Call) {})
}
