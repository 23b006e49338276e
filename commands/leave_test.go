package commands_test

import (
	"errors"
	"testing"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
)

func TestLeaveSession(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.mustStart(t, "go", "kim", 0).SessionID
	s.mustJoin(t, "go", session, "kim", 1)
	s.mustJoin(t, "go", session, "lee", 2)
	for _, c := range []struct {
		user string
		want int64 // position
	}{{"kim", 4}, {"kim", 4}, {"lee", 6}, {"lee", 6}, {"kim", 6}} {
		if got := s.mustLeave(t, "go", session, c.user, 9); got != c.want {
			t.Errorf("%s: the answer rests on position %d, want %d", c.user, got, c.want)
		}
	}
	s.wantEvents(t, "go SessionStarted kim", "go ParticipantJoined kim", "go ParticipantJoined lee", "go ParticipantLeft kim",
		"go ParticipantLeft lee", "go SessionEnded everyoneLeft")
}

// A user who is no longer a member may leave.
func TestLeaveSessionNeedsNoMembership(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.mustStart(t, "go", "kim", 0).SessionID
	s.mustJoin(t, "go", session, "kim", 1)
	nobody := access(func(string, string) error { return domain.ErrNotStudyMember })
	handlers, err := commands.New(s.store, nobody, commands.DefaultSettings(), counted("id"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = handlers.LeaveSession(t.Context(), "go", domain.LeaveSession{
		SessionID: session, UserID: "kim", Reason: domain.Removed, At: at(3),
	})
	if err != nil {
		t.Error(err)
	}
	s.wantEvents(t, "go SessionStarted kim", "go ParticipantJoined kim", "go ParticipantLeft kim", "go SessionEnded everyoneLeft")
}

func TestLeaveSessionThatHasEnded(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	older := s.endedSession(t, "go")  // positions 1 to 4
	latest := s.endedSession(t, "go") // 5 to 8
	others := s.endedSession(t, "rust")
	for name, c := range map[string]struct {
		session, user string
		want          int64 // position; 0: the user never joined
	}{
		"the latest":                {latest, "kim", 8},
		"an older one":              {older, "kim", 4},
		"the latest, without lee":   {latest, "lee", 0},
		"an older one, without lee": {older, "lee", 0},
		"another study's":           {others, "kim", 0},
		"none":                      {"", "kim", 0},
		"an unknown one":            {"no-such-session", "kim", 0},
	} {
		got, err := s.leave(t, "go", c.session, c.user, 99)
		if c.want == 0 {
			if !errors.Is(err, domain.ErrParticipantNotFound) {
				t.Errorf("%s: got position %d and error %v", name, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%s: got position %d, %v, want %d", name, got, err, c.want)
		}
	}
	if n := len(s.log(t)); n != 12 {
		t.Errorf("%d events, want 12", n)
	}
}
