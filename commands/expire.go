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

// ExpireSession is the service's own: it asks nobody's leave. Where somebody joined after all it changes nothing. It
// returns the position that the answer rests on. Errors: domain.ErrSessionNotFound, domain.ErrSessionEnded.
func (h *Handlers) ExpireSession(ctx context.Context, cmd ExpireSession) (int64, error) {
	return h.decide(ctx, cmd.StudyID, domain.ExpireSession{SessionID: cmd.SessionID, At: cmd.At}, func(domain.Call) {})
}
