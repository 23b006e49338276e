package realtime

import (
	"context"
	"log/slog"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
)

const (
	// announcementsAhead is how many announcements may wait while the names in them are looked up.
	announcementsAhead = 1024
	// announceTimeout bounds looking up who started a session.
	announceTimeout = 2 * time.Second
)

// announcer tells the members who are in a study that a call has started or ended, on whichever server that was.
type announcer struct {
	server  *Server
	waiting chan eventstore.Recorded
}

func newAnnouncer(s *Server) *announcer {
	return &announcer{s, make(chan eventstore.Recorded, announcementsAhead)}
}

// heard is called with every new event of the log. It does not block: where so many calls start at once that the
// announcements cannot keep up, the web app finds the call by asking for the status.
func (a *announcer) heard(event eventstore.Recorded) {
	if event.Type != "SessionStarted" && event.Type != "SessionEnded" || len(a.server.studies.in(event.Study())) == 0 {
		return
	}
	select {
	case a.waiting <- event:
	default:
		a.server.Log.Warn("too many calls start or end at once: one is not announced", "session", event.Session)
	}
}

// run announces until ctx ends.
func (a *announcer) run(ctx context.Context) {
	for {
		select {
		case event := <-a.waiting:
			a.announce(ctx, event)
		case <-ctx.Done():
			return
		}
	}
}

func (a *announcer) announce(ctx context.Context, recorded eventstore.Recorded) {
	event, err := recorded.Event()
	if err != nil {
		a.server.Log.LogAttrs(ctx, slog.LevelWarn, "a call is not announced", slog.Any("error", err))
		return
	}
	var m *message
	switch e := event.(type) {
	case domain.SessionStarted:
		m = newMessage(eventStarted, videoStarted{recorded.Study(), a.session(ctx, recorded.Study(), e)})
	case domain.SessionEnded:
		m = newMessage(eventEnded, videoEnded{recorded.Study(), e.SessionID})
	default:
		return
	}
	for _, c := range a.server.studies.in(recorded.Study()) {
		c.send(m)
	}
}

// session is a session that has just started, as REST gives it. Where the starter cannot be looked up, the name is null.
func (a *announcer) session(ctx context.Context, studyID string, e domain.SessionStarted) api.StartedSession {
	ctx, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	users, err := a.server.Users.Users(ctx, []string{e.StartedBy})
	if err != nil {
		a.server.Log.LogAttrs(ctx, slog.LevelDebug, "could not look up who started a call", slog.Any("error", err))
		users = map[string]membership.User{}
	}
	return api.StartedSession{
		Session: api.NewSession(studyID, domain.Session{ID: e.SessionID, StartedBy: e.StartedBy, StartedAt: e.At}),
		Starter: api.NewPerson(e.StartedBy, users[e.StartedBy]),
	}
}
