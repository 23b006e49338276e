package commands

import (
	"context"
	"errors"
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
	position, err := h.decide(ctx, cmd.StudyID, leave, func(domain.Call, []domain.Event) {})
	if errors.Is(err, domain.ErrParticipantNotFound) {
		return h.olderSession(ctx, cmd.StudyID, cmd.SessionID, leave)
	}
	return position, err
}
