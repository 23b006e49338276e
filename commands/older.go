package commands

import (
	"context"
	"errors"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// decideOnSession is decide for commands that name a session which need not be the study's latest: it may be an ended
// one, another study's, or none. missing is the error with which the latest session refuses such a command.
func (h *Handlers) decideOnSession(
	ctx context.Context, studyID, sessionID string, command domain.Command, missing error,
	answer func(domain.Call),
) (int64, error) {
	for seen := int64(-1); ; {
		position, err := h.decide(ctx, studyID, command, answer)
		if !errors.Is(err, missing) {
			return position, err
		}
		call, position, err := h.loadSession(ctx, studyID, sessionID)
		if err != nil {
			return 0, err
		}
		// An ended session changes no more, so what is decided on it is the answer. If there is something to change,
		// the session is the latest after all: it was started or joined in the meantime.
		if events, err := call.Decide(command); len(events) == 0 {
			return position, err
		}
		if position == seen {
			return 0, missing // nothing has: the session was left open in the log when a later one was started
		}
		seen = position
	}
}

// loadSession folds a session's chapter; the zero Call if the study has no such session.
func (h *Handlers) loadSession(ctx context.Context, studyID, sessionID string) (domain.Call, int64, error) {
	var call domain.Call
	var position int64
	events, err := h.log.LoadSession(ctx, sessionID)
	if err != nil {
		return call, 0, err
	}
	for _, recorded := range events {
		if recorded.Stream != eventstore.Stream(studyID) {
			break
		}
		event, err := recorded.Event()
		if err != nil {
			return call, 0, err
		}
		call.Evolve(event)
		position = recorded.Position
	}
	return call, position, nil
}
