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
	// tailLimit is how many events may wait while the names in earlier ones are looked up.
	tailLimit = 1024
	// starterTimeout bounds the lookup of the user who started a session.
	starterTimeout = 2 * time.Second
)

// tail follows the log and handles its new events on this server, whichever server appended them.
type tail struct {
	server   *Server
	handlers map[string]tailHandler // by stored event type
	waiting  chan eventstore.Recorded
}

// tailHandler handles one event of a study.
type tailHandler func(ctx context.Context, studyID string, event domain.Event)

func newTail(s *Server) *tail {
	t := &tail{server: s, waiting: make(chan eventstore.Recorded, tailLimit)}
	t.handlers = map[string]tailHandler{
		"SessionStarted": handles(t.sessionStarted),
		"SessionEnded":   handles(t.sessionEnded),
	}
	return t
}

// handles makes the tailHandler of one event type.
func handles[E domain.Event](do func(ctx context.Context, studyID string, event E)) tailHandler {
	return func(ctx context.Context, studyID string, event domain.Event) {
		if e, ok := event.(E); ok {
			do(ctx, studyID, e)
		}
	}
}

// observe queues a new event of the log if a client of this server is concerned. It does not block. If too many calls start or end
// at once, events are dropped: the web app then finds the call when it queries the status.
func (t *tail) observe(event eventstore.Recorded) {
	if t.handlers[event.Type] == nil || !t.server.lobbies.has(event.Study()) {
		return
	}
	select {
	case t.waiting <- event:
	default:
		t.server.Log.Warn("too many calls start or end at once: one is not announced", "session", event.Session)
	}
}

// run handles the queued events until ctx ends.
func (t *tail) run(ctx context.Context) {
	for {
		select {
		case recorded := <-t.waiting:
			event, err := recorded.Event()
			if err != nil {
				t.server.Log.LogAttrs(ctx, slog.LevelWarn, "a call is not announced", slog.Any("error", err))
				continue
			}
			t.handlers[recorded.Type](ctx, recorded.Study(), event)
		case <-ctx.Done():
			return
		}
	}
}

// sessionStarted announces a call to the study's lobby. If the starter cannot be looked up, the name is null.
func (t *tail) sessionStarted(ctx context.Context, studyID string, e domain.SessionStarted) {
	ctx, cancel := context.WithTimeout(ctx, starterTimeout)
	defer cancel()
	users, err := t.server.Users.Users(ctx, []string{e.StartedBy})
	if err != nil {
		t.server.Log.LogAttrs(ctx, slog.LevelDebug, "could not look up who started a call", slog.Any("error", err))
		users = nil
	}
	session := domain.Session{ID: e.SessionID, StartedBy: e.StartedBy, StartedAt: e.At}
	t.announce(studyID, eventStarted, videoStarted{studyID, api.NewStartedSession(studyID, session, users)})
}

// sessionEnded announces the end of a call to the study's lobby.
func (t *tail) sessionEnded(_ context.Context, studyID string, e domain.SessionEnded) {
	t.announce(studyID, eventEnded, videoEnded{studyID, e.SessionID})
}

func (t *tail) announce(studyID, event string, data any) {
	m := newMessage(event, data)
	for _, c := range t.server.lobbies.clients(studyID) {
		c.send(m)
	}
}
