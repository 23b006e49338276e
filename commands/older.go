package commands

import (
	"context"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// olderSession decides a command on the session that it names, where that is not the study's latest: it may be an
// ended one, another study's, or none. Nothing that can be decided there changes anything.
func (h *Handlers) olderSession(
	ctx context.Context, studyID, sessionID string, command domain.Command,
) (position int64, err error) {
	events, err := h.log.LoadSession(ctx, sessionID)
	if err != nil {
		return 0, err
	}
	var call domain.Call
	for _, recorded := range events {
		if recorded.Stream != eventstore.Stream(studyID) {
			break
		}
		event, err := recorded.Event()
		if err != nil {
			return 0, err
		}
		call.Evolve(event)
		position = recorded.Position
	}
	_, err = call.Decide(command)
	return position, err
}
