package commands

import (
	"context"

	"github.com/studycall/studycall/domain"
)

// SetToggle is for participants in the call. Setting the current state again appends no event. It returns the position that
// the answer rests on. Errors: domain.ErrSessionNotFound, domain.ErrSessionEnded, domain.ErrParticipantNotFound, and while
// another participant shares, domain.ErrScreenShareTaken with that participant's id in the details.
func (h *Handlers) SetToggle(ctx context.Context, studyID string, cmd domain.SetToggle) (int64, error) {
	return h.decide(ctx, studyID, cmd, nil)
}
