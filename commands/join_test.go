package commands_test

import (
	"errors"
	"reflect"
	"strconv"
	"testing"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
)

func TestJoinSession(t *testing.T) {
	t.Parallel()
	s := newServer(t).with(t, commands.DefaultSettings(), counted("id-"))
	session := s.mustStart(t, "go", "kim", 0).SessionID
	kim := domain.Participant{ID: "id-2", UserID: "kim", JoinedAt: at(1), LastAt: at(1)}
	kim.Present.Since = at(1)
	call := domain.Session{ID: session, StartedBy: "kim", StartedAt: at(0), Participants: []domain.Participant{kim}}
	want := commands.Joined{Participant: kim, Session: call, First: true, Position: 2}
	if got := s.mustJoin(t, "go", session, "kim", 1); !reflect.DeepEqual(got, want) {
		t.Errorf("the first join: got %+v, want %+v", got, want)
	}
	want.First = false
	if got := s.mustJoin(t, "go", session, "kim", 5); !reflect.DeepEqual(got, want) {
		t.Errorf("a join while in the call: got %+v, want %+v", got, want)
	}
	lee := s.mustJoin(t, "go", session, "lee", 6)
	s.mustLeave(t, "go", session, "kim", 10)
	want.Participant.Present.Total, want.Participant.Present.Since = at(10).Sub(at(1)), at(20)
	want.Participant.LastAt, want.Position = at(20), 5
	want.Session.Participants = []domain.Participant{want.Participant, lee.Participant}
	if got := s.mustJoin(t, "go", session, "kim", 20); !reflect.DeepEqual(got, want) {
		t.Errorf("the second stint: got %+v, want %+v", got, want)
	}
	s.wantEvents(t, "go SessionStarted kim", "go ParticipantJoined kim", "go ParticipantJoined lee", "go ParticipantLeft kim",
		"go ParticipantJoined kim")
}

func TestJoinSessionErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	older := s.endedSession(t, "go")
	over := s.endedSession(t, "go")
	others := s.mustStart(t, "rust", "lee", 0).SessionID
	othersOlder := s.endedSession(t, "zig")
	before := len(s.log(t))
	for name, c := range map[string]struct {
		study, session string
		want           error
	}{
		"the latest session, which has ended": {"go", over, domain.ErrSessionEnded},
		"an older session":                    {"go", older, domain.ErrSessionEnded},
		"an unknown session":                  {"go", "no-such-session", domain.ErrSessionNotFound},
		"no session":                          {"go", "", domain.ErrSessionNotFound},
		"another study's open session":        {"go", others, domain.ErrSessionNotFound},
		"another study's ended session":       {"go", othersOlder, domain.ErrSessionNotFound},
		"a study without sessions":            {"java", others, domain.ErrSessionNotFound},
	} {
		got, err := s.join(t, c.study, c.session, "kim", 99)
		if !errors.Is(err, c.want) || !reflect.DeepEqual(got, commands.Joined{}) {
			t.Errorf("%s: got %+v and error %v, want %v", name, got, err, c.want)
		}
	}
	if after := len(s.log(t)); after != before {
		t.Errorf("%d events were appended", after-before)
	}
}

func TestJoinSessionWhenTheCallIsFull(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.mustStart(t, "go", "kim", 0).SessionID
	capacity := commands.DefaultSettings().Capacity
	if capacity != 12 {
		t.Errorf("the documented capacity is 12, the settings have %d", capacity)
	}
	full := make(chan error, 20)
	inParallel(20, func(i int) { // concurrent: the limit must hold within one batch, too
		_, err := s.join(t, "go", session, "user-"+strconv.Itoa(i), 1)
		full <- err
	})
	refused := 0
	for range 20 {
		if err := <-full; err != nil {
			refused++
			expected := (*domain.Error)(nil)
			if !errors.As(err, &expected) || expected.Code != domain.RoomFull || expected.Details["capacity"] != capacity {
				t.Errorf("got %#v", err)
			}
		}
	}
	if refused != 20-capacity {
		t.Errorf("%d were refused, want %d", refused, 20-capacity)
	}
	if n := len(s.log(t)); n != 1+capacity {
		t.Errorf("%d events, want %d", n, 1+capacity)
	}
}
