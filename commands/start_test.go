package commands_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
)

func TestStartSession(t *testing.T) {
	t.Parallel()
	s := newServer(t).with(t, commands.DefaultSettings(), counted("id-"))
	first := commands.Started{SessionID: "id-1", StartedBy: "kim", StartedAt: at(0), Created: true, Position: 1}
	if got := s.mustStart(t, "go", "kim", 0); got != first {
		t.Errorf("the first start: got %+v, want %+v", got, first)
	}
	again := first
	again.Created = false
	if got := s.mustStart(t, "go", "lee", 9); got != again {
		t.Errorf("a start while one is open: got %+v, want %+v", got, again)
	}
	other := commands.Started{SessionID: "id-3", StartedBy: "lee", StartedAt: at(9), Created: true, Position: 2}
	if got := s.mustStart(t, "rust", "lee", 9); got != other {
		t.Errorf("another study: got %+v, want %+v", got, other)
	}
	s.wantEvents(t, "go SessionStarted kim", "rust SessionStarted lee")
}

func TestStartSessionAfterThePreviousOneEnded(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	old := s.endedSession(t, "go")
	next := s.mustStart(t, "go", "lee", 2) // by a clock that lags
	if !next.Created || next.SessionID == old || !next.StartedAt.Equal(at(4)) || next.Position != 5 {
		t.Errorf("got %+v, want a new session at second 4, position 5", next)
	}
	s.wantEvents(t, "go SessionStarted kim", "go ParticipantJoined kim", "go ParticipantLeft kim", "go SessionEnded everyoneLeft",
		"go SessionStarted lee")
}

// Start and join return the error of the membership check unchanged, and append nothing.
func TestCommandsReturnTheErrorOfTheMembershipCheck(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.mustStart(t, "go", "kim", 0).SessionID
	if got, err := s.start(t, "go", "stranger", 1); !errors.Is(err, domain.ErrNotStudyMember) || got != (commands.Started{}) {
		t.Errorf("start: got %+v, %v", got, err)
	}
	got, err := s.join(t, "go", session, "stranger", 1)
	if !errors.Is(err, domain.ErrNotStudyMember) || !reflect.DeepEqual(got, commands.Joined{}) {
		t.Errorf("join: got %+v, %v", got, err)
	}
	unavailable := errors.New("the membership database is unavailable")
	failing := access(func(string, string) error { return unavailable })
	handlers, err := commands.New(s.store, failing, commands.DefaultSettings(), counted("id"))
	if err != nil {
		t.Fatal(err)
	}
	s.Handlers = handlers
	_, startErr := s.start(t, "rust", "kim", 1)
	_, joinErr := s.join(t, "go", session, "kim", 1)
	wantError(t, startErr, unavailable)
	wantError(t, joinErr, unavailable)
	s.wantEvents(t, "go SessionStarted kim")
}

// Of two hundred concurrent starts on two servers, one creates the session.
func TestConcurrentStartsCreateOneSession(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	servers := []server{a, a.another(t)}
	answers := make([]commands.Started, 200)
	inParallel(len(answers), func(i int) {
		answer, err := servers[i%2].start(t, "go", "kim", i)
		if err != nil {
			t.Error(err)
		}
		answers[i] = answer
	})
	created := 0
	for _, answer := range answers {
		if answer.Created {
			created++
		}
		answer.Created = answers[0].Created
		if answer != answers[0] || answer.SessionID == "" || answer.Position != 1 {
			t.Fatalf("got %+v and %+v", answer, answers[0])
		}
	}
	if created != 1 {
		t.Errorf("%d answers have Created, want 1", created)
	}
	a.wantEvents(t, "go SessionStarted kim")
}
