package realtime

import (
	"context"
	"log/slog"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

const (
	// announcerLimit is how many events may wait while the names in earlier ones are looked up.
	announcerLimit = 1024
	// starterTimeout bounds the lookup of the user who started a session.
	starterTimeout = 2 * time.Second
)

// announcer queues new events that feed.Feeds passes to it, from any server, and announces calls.
type announcer struct {
	server  *Server
	waiting chan eventstore.Recorded
}

// observe queues a new event of the log if a client of this server is concerned. It does not block. If too many calls start or end
// at once, events are dropped: the web app then finds the call when it queries the status.
func (a *announcer) observe(event eventstore.Recorded) {
	announced := event.Type == "SessionStarted" || event.Type == "SessionEnded"
	if !announced || len(a.server.lobbies.clients(event.Study())) == 0 {
		return
	}
	select {
	case a.waiting <- event:
	default:
		a.server.Log.Warn("too many calls start or end at once: one is not announced", "session", event.Session)
	}
}

// run handles the queued events until ctx ends.
func (a *announcer) run(ctx context.Context) {
	for {
		select {
		case recorded := <-a.waiting:
			event, err := recorded.Event()
			if err != nil {
				a.server.Log.LogAttrs(ctx, slog.LevelWarn, "a call is not announced", slog.Any("error", err))
			}
			switch e := event.(type) {
			case domain.SessionStarted:
				a.sessionStarted(ctx, recorded.Study(), e)
			case domain.SessionEnded:
				a.announce(recorded.Study(), eventEnded, videoEnded{recorded.Study(), e.SessionID})
			}
		case <-ctx.Done():
			return
		}
	}
}

// sessionStarted announces a call to the study's lobby. If the starter cannot be looked up, the name is null.
func (a *announcer) sessionStarted(ctx context.Context, studyID string, e domain.SessionStarted) {
	ctx, cancel := context.WithTimeout(ctx, starterTimeout)
	defer cancel()
	users, err := a.server.Users.Users(ctx, []string{e.StartedBy})
	if err != nil {
		a.server.Log.LogAttrs(ctx, slog.LevelDebug, "could not look up who started a call", slog.Any("error", err))
	}
	session := domain.Session{ID: e.SessionID, StartedBy: e.StartedBy, StartedAt: e.At}
	a.announce(studyID, eventStarted, videoStarted{studyID, api.NewStartedSession(studyID, session, users)})
}

// announce sends an event to the study's lobby.
func (a *announcer) announce(studyID, event string, data any) {
	m := newMessage(event, data)
	for _, c := range a.server.lobbies.clients(studyID) {
		c.send(m)
	}
}
