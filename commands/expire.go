package commands

import (
	"context"
	"time"

	"github.com/studycall/studycall/domain"
)

// ExpireSession closes a session that nobody ever joined.
type ExpireSession struct {
	StudyID   string
	SessionID string
	At        time.Time
}

// ExpireSession is for the service itself: it checks no membership. If the session has a participant after all, it changes
// nothing. It returns the position that the answer rests on. Errors: domain.ErrSessionNotFound, domain.ErrSessionEnded.
func (h *Handlers) ExpireSession(ctx context.Context, cmd ExpireSession) (int64, error) {
	return h.decide(ctx, cmd.StudyID, domain.ExpireSession{SessionID: cmd.SessionID, At: cmd.At}, nil)
}
