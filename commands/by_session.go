package commands

import (
	"context"
	"errors"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// decideOnSession is decide for commands that name a session which need not be the study's latest: the session may have
// ended, belong to another study, or not exist. missing is the error that the latest session returns for such a command.
func (h *Handlers) decideOnSession(
	ctx context.Context, studyID, sessionID string, command domain.Command, missing error, capture func(domain.Call),
) (int64, error) {
	for last := int64(-1); ; {
		position, err := h.decide(ctx, studyID, command, capture)
		if !errors.Is(err, missing) {
			return position, err
		}
		call, position, err := h.loadSession(ctx, studyID, sessionID)
		if err != nil {
			return 0, err
		}
		// An ended session never changes, so a decision on it is the answer. If the decision has events, the session was
		// started or joined since the first decision, so it is now the study's latest session.
		if events, err := call.Decide(command); len(events) == 0 {
			return position, err
		}
		if position == last {
			return 0, missing // nothing changed: the log holds an open session before a later one
		}
		last = position
	}
}

// loadSession folds a session's chapter. It returns the zero Call if the study has no such session.
func (h *Handlers) loadSession(ctx context.Context, studyID, sessionID string) (domain.Call, int64, error) {
	events, err := h.log.LoadSession(ctx, sessionID)
	if err != nil || len(events) == 0 || events[0].Stream != eventstore.Stream(studyID) {
		return domain.Call{}, 0, err
	}
	var chapter cachedCall
	err = chapter.evolve(events)
	return chapter.call, chapter.position, err
}
