package commands_test

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// Server a has a call in its cache. Server b has ended its session since, and in some cases opened the next one.
func TestAStaleCacheIsDetected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		next   bool // whether b has opened the next session
		decide func(t *testing.T, a server, session, next string)
	}{
		"join an ended session": {decide: func(t *testing.T, a server, session, _ string) {
			t.Helper()
			_, err := a.join(t, "go", session, "lee", 9)
			wantError(t, err, domain.ErrSessionEnded)
		}},
		"join the session before": {next: true, decide: func(t *testing.T, a server, session, _ string) {
			t.Helper()
			_, err := a.join(t, "go", session, "lee", 9)
			wantError(t, err, domain.ErrSessionEnded)
		}},
		"join again after a leave on the other server": {decide: func(t *testing.T, a server, session, _ string) {
			t.Helper()
			_, err := a.join(t, "go", session, "kim", 9) // in a's cache kim is in the call: a join changes nothing
			wantError(t, err, domain.ErrSessionEnded)
		}},
		"join a session that a has not read": {next: true, decide: func(t *testing.T, a server, _, next string) {
			t.Helper()
			if got := a.mustJoin(t, "go", next, "lee", 9); !got.First || got.Position != 6 {
				t.Errorf("got %+v", got)
			}
		}},
		"start after the end": {decide: func(t *testing.T, a server, session, _ string) {
			t.Helper()
			if got := a.mustStart(t, "go", "lee", 9); !got.Created || got.SessionID == session || got.Position != 5 {
				t.Errorf("got %+v", got)
			}
		}},
		"start while a session is open": {next: true, decide: func(t *testing.T, a server, _, next string) {
			t.Helper()
			if got := a.mustStart(t, "go", "lee", 9); got.Created || got.SessionID != next || got.Position != 5 {
				t.Errorf("got %+v", got)
			}
		}},
		"leave twice": {decide: func(t *testing.T, a server, session, _ string) {
			t.Helper()
			if got := a.mustLeave(t, "go", session, "kim", 9); got != 4 {
				t.Errorf("the answer rests on position %d, want 4", got)
			}
		}},
		"leave the session before": {next: true, decide: func(t *testing.T, a server, session, _ string) {
			t.Helper()
			if got := a.mustLeave(t, "go", session, "kim", 9); got != 4 {
				t.Errorf("the answer rests on position %d, want 4", got)
			}
		}},
		"toggle in an ended session": {decide: func(t *testing.T, a server, session, _ string) {
			t.Helper()
			_, err := a.mute(t, session, "kim", 9)
			wantError(t, err, domain.ErrSessionEnded)
		}},
		"toggle in the session before": {next: true, decide: func(t *testing.T, a server, session, _ string) {
			t.Helper()
			_, err := a.mute(t, session, "kim", 9)
			wantError(t, err, domain.ErrSessionNotFound)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newServer(t)
			b := a.another(t)
			session, next := a.mustStart(t, "go", "kim", 0).SessionID, ""
			a.mustJoin(t, "go", session, "kim", 1)
			b.mustLeave(t, "go", session, "kim", 4)
			if c.next {
				next = b.mustStart(t, "go", "park", 5).SessionID
			}
			c.decide(t, a, session, next)
		})
	}
}

// A command on one server sees every event that a command on the other has appended.
func TestTwoServersAlternateOnOneStudy(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := a.another(t)
	session := a.mustStart(t, "go", "kim", 0).SessionID
	if got := b.mustJoin(t, "go", session, "kim", 1); !got.First {
		t.Errorf("got %+v", got)
	}
	if got := a.mustJoin(t, "go", session, "kim", 2); got.First || got.Position != 2 {
		t.Errorf("got %+v", got)
	}
	a.mustJoin(t, "go", session, "lee", 3)
	b.mustLeave(t, "go", session, "kim", 4)
	a.mustLeave(t, "go", session, "lee", 5)
	b.wantEvents(t, "go SessionStarted kim", "go ParticipantJoined kim", "go ParticipantJoined lee", "go ParticipantLeft kim",
		"go ParticipantLeft lee", "go SessionEnded everyoneLeft")
}

// pageLog is a log that records the size of the largest page that it returned.
type pageLog struct {
	*eventstore.Store
	largest int
}

func (l *pageLog) ReadStreamPage(ctx context.Context, stream string, after int64, limit int) ([]eventstore.Recorded, error) {
	events, err := l.Store.ReadStreamPage(ctx, stream, after, limit)
	l.largest = max(l.largest, len(events))
	return events, err
}

// Server b records a hundred sessions after server a cached the call. Server a does not read them all to catch up.
func TestLoadAfterALargeGapStartsAtTheLatestChapter(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := a.another(t)
	log := &pageLog{Store: a.store}
	idle, err := commands.New(log, access(members), commands.DefaultSettings(), rand.Text)
	if err != nil {
		t.Fatal(err)
	}
	a.Handlers = idle
	a.mustLeave(t, "go", startJoined(t, a, 0), "kim", 2)
	for n := range 100 {
		b.mustLeave(t, "go", startJoined(t, b, 10*(n+1)), "kim", 10*(n+1)+2)
	}
	open := startJoined(t, b, 2000)

	if got := a.mustStart(t, "go", "lee", 2003); got.Created || got.SessionID != open || got.Position != 406 {
		t.Errorf("got %+v, want the open session %s as of 406", got, open)
	}
	if log.largest > 200 {
		t.Errorf("a page has %d events", log.largest)
	}
}

// startJoined starts a session and lets kim join it.
func startJoined(t *testing.T, s server, seconds int) (session string) {
	t.Helper()
	session = s.mustStart(t, "go", "kim", seconds).SessionID
	s.mustJoin(t, "go", session, "kim", seconds+1)
	return session
}
