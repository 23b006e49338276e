package commands

import (
	"context"

	"github.com/studycall/studycall/domain"
)

// ExpireSession is for the service itself: it checks no membership. If the session has a participant after all, it changes
// nothing. It returns the position that the answer rests on. Errors: domain.ErrSessionNotFound, domain.ErrSessionEnded.
func (h *Handlers) ExpireSession(ctx context.Context, studyID string, cmd domain.ExpireSession) (int64, error) {
	return h.decide(ctx, studyID, cmd, nil)
}
