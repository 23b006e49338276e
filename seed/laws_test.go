package seed_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
)

// watcher is a plain account of one study's calls, written only to say when an event does not fit what was before.
type watcher struct {
	session string
	started time.Time
	ended   time.Time // of the session before, while one is open; of this one after it
	in      map[string]map[string]bool
	came    map[string]bool
	last    map[string]time.Time
}

// see takes an event in, and says what is wrong with it.
func (w *watcher) see(event domain.Event) string {
	at := event.OccurredAt()
	if e, ok := event.(domain.SessionStarted); ok {
		switch {
		case w.session != "":
			return "a session was open"
		case at.Before(w.ended):
			return "it overlaps with the session before"
		}
		*w = watcher{e.SessionID, at, w.ended, map[string]map[string]bool{}, map[string]bool{}, map[string]time.Time{}}
		return ""
	}
	if e, ok := event.(domain.SessionEnded); ok {
		empty := len(w.came) == 0
		switch {
		case len(w.in) > 0:
			return "somebody was still there"
		case empty != (e.Reason == domain.NobodyJoined):
			return "the reason is not the reason"
		case !empty && !at.Equal(w.ended), at.Before(w.started):
			return "it did not end with the last leave"
		}
		w.session, w.ended = "", at
		return ""
	}
	if event.Session() != w.session {
		return "it is of a session that was not open"
	}
	return w.seeUser(event, at)
}

func (w *watcher) seeUser(event domain.Event, at time.Time) string {
	turn := func(user, what string, on bool) string {
		state, in := w.in[user]
		switch {
		case !in:
			return "the user was not in the call"
		case state[what] == on:
			return "it changed nothing"
		case at.Before(w.last[user]):
			return "the user's time ran backwards"
		}
		state[what], w.last[user] = on, at
		return ""
	}
	switch e := event.(type) {
	case domain.ParticipantJoined:
		if _, in := w.in[e.UserID]; in || at.Before(w.last[e.UserID]) || at.Before(w.started) || len(w.in) == 12 {
			return "the user could not join"
		}
		w.in[e.UserID], w.came[e.UserID], w.last[e.UserID] = map[string]bool{"there": true}, true, at
	case domain.ParticipantLeft:
		wrong := turn(e.UserID, "there", false)
		delete(w.in, e.UserID)
		if at.After(w.ended) {
			w.ended = at
		}
		return wrong
	case domain.AudioMuted:
		return turn(e.UserID, "muted", true)
	case domain.AudioUnmuted:
		return turn(e.UserID, "muted", false)
	case domain.VideoTurnedOff:
		return turn(e.UserID, "camera off", true)
	case domain.VideoTurnedOn:
		return turn(e.UserID, "camera off", false)
	case domain.ScreenShareStarted:
		for _, state := range w.in {
			if state["sharing"] {
				return "two share"
			}
		}
		return turn(e.UserID, "sharing", true)
	case domain.ScreenShareStopped:
		return turn(e.UserID, "sharing", false)
	}
	return ""
}

func TestEveryPastIsLawful(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		past := anyPast(t)
		study := past.Study(rapid.IntRange(1, 1000).Draw(t, "study"))
		members := map[string]bool{}
		for _, m := range study.Members {
			members[m.UserID] = true
		}
		var w watcher
		sessions := 0
		for session := range study.Sessions() {
			sessions++
			for _, event := range session {
				at := event.OccurredAt()
				if wrong := w.see(event); wrong != "" {
					t.Fatalf("%T %+v: %s", event, event, wrong)
				}
				if at.Location() != time.UTC || at.Nanosecond()%1e6 != 0 || !at.Before(past.Until) ||
					at.Before(past.Until.AddDate(-10, 0, 0)) {
					t.Fatalf("%T happened at %v, in a past that ends at %v", event, at, past.Until)
				}
			}
			if w.session != "" {
				t.Fatalf("session %d did not end", sessions)
			}
			if took := w.ended.Sub(w.started); len(w.came) > 12 || took > 3*time.Hour || took < 5*time.Minute {
				t.Fatalf("session %d took %v, of %d", sessions, took, len(w.came))
			}
			for user := range w.came {
				if !members[user] {
					t.Fatalf("%s was there, and is no member", user)
				}
			}
		}
		if sessions != past.Sessions {
			t.Fatalf("%d sessions, want %d", sessions, past.Sessions)
		}
	})
}
