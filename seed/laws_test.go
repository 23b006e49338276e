package seed_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
)

// checker is a naive model of one study's calls. It checks each event against those before it.
type checker struct {
	session string
	started time.Time
	ended   time.Time // of the session before, while one is open; of this one after it
	in      map[string]map[string]bool
	joined  map[string]bool
	last    map[string]time.Time
}

// check applies an event, and returns the rule that it breaks, "" if none.
func (c *checker) check(event domain.Event) string {
	at := event.OccurredAt()
	if e, ok := event.(domain.SessionStarted); ok {
		switch {
		case c.session != "":
			return "a session was open"
		case at.Before(c.ended):
			return "it overlaps with the session before"
		}
		*c = checker{e.SessionID, at, c.ended, map[string]map[string]bool{}, map[string]bool{}, map[string]time.Time{}}
		return ""
	}
	if e, ok := event.(domain.SessionEnded); ok {
		empty := len(c.joined) == 0
		switch {
		case len(c.in) > 0:
			return "a user was still in the call"
		case empty != (e.Reason == domain.NobodyJoined):
			return "the reason is wrong"
		case !empty && !at.Equal(c.ended), at.Before(c.started):
			return "it did not end with the last leave"
		}
		c.session, c.ended = "", at
		return ""
	}
	if event.Session() != c.session {
		return "its session was not open"
	}
	return c.checkUser(event, at)
}

func (c *checker) checkUser(event domain.Event, at time.Time) string {
	turn := func(user, what string, on bool) string {
		state, in := c.in[user]
		switch {
		case !in:
			return "the user was not in the call"
		case state[what] == on:
			return "it changed nothing"
		case at.Before(c.last[user]):
			return "the user's time ran backwards"
		}
		state[what], c.last[user] = on, at
		return ""
	}
	switch e := event.(type) {
	case domain.ParticipantJoined:
		if _, in := c.in[e.UserID]; in || at.Before(c.last[e.UserID]) || at.Before(c.started) || len(c.in) == 12 {
			return "the user could not join"
		}
		c.in[e.UserID], c.joined[e.UserID], c.last[e.UserID] = map[string]bool{"in the call": true}, true, at
	case domain.ParticipantLeft:
		wrong := turn(e.UserID, "in the call", false)
		delete(c.in, e.UserID)
		if at.After(c.ended) {
			c.ended = at
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
		for _, state := range c.in {
			if state["sharing"] {
				return "two users share"
			}
		}
		return turn(e.UserID, "sharing", true)
	case domain.ScreenShareStopped:
		return turn(e.UserID, "sharing", false)
	}
	return ""
}

func TestEveryPastFollowsTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		past := anyPast(t)
		study := past.Study(rapid.IntRange(1, 1000).Draw(t, "study"))
		members := map[string]bool{}
		for _, m := range study.Members {
			members[m.UserID] = true
		}
		var c checker
		sessions := 0
		for session := range study.Sessions() {
			sessions++
			for _, event := range session {
				at := event.OccurredAt()
				if wrong := c.check(event); wrong != "" {
					t.Fatalf("%T %+v: %s", event, event, wrong)
				}
				if at.Location() != time.UTC || at.Nanosecond()%1e6 != 0 || !at.Before(past.Until) ||
					at.Before(past.Until.AddDate(-10, 0, 0)) {
					t.Fatalf("%T happened at %v, in a past that ends at %v", event, at, past.Until)
				}
			}
			if c.session != "" {
				t.Fatalf("session %d did not end", sessions)
			}
			if took := c.ended.Sub(c.started); len(c.joined) > 12 || took > 3*time.Hour || took < 5*time.Minute {
				t.Fatalf("session %d took %v, of %d", sessions, took, len(c.joined))
			}
			for user := range c.joined {
				if !members[user] {
					t.Fatalf("%s joined, and is no member", user)
				}
			}
		}
		if sessions != past.Sessions {
			t.Fatalf("%d sessions, want %d", sessions, past.Sessions)
		}
	})
}
