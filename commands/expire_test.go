package commands_test

import (
	"errors"
	"testing"

	"github.com/studycall/studycall/domain"
)

func TestExpireSessionEndsAnOpenSessionOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.mustStart(t, "go", "kim", 0).SessionID
	expire := func(session string, seconds int) error {
		_, err := s.ExpireSession(t.Context(), "go", domain.ExpireSession{SessionID: session, At: at(seconds)})
		return err
	}
	if err := expire("other", 300); !errors.Is(err, domain.ErrSessionNotFound) {
		t.Errorf("another session: got %v", err)
	}
	if err := expire(session, 300); err != nil {
		t.Error(err)
	}
	if err := expire(session, 301); !errors.Is(err, domain.ErrSessionEnded) {
		t.Errorf("a second time: got %v", err)
	}
	s.wantEvents(t, "go SessionStarted kim", "go SessionEnded expired")
}

func TestExpireSessionAfterAJoin(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.mustStart(t, "go", "kim", 0).SessionID
	s.mustJoin(t, "go", session, "lee", 299)
	if _, err := s.ExpireSession(t.Context(), "go", domain.ExpireSession{SessionID: session, At: at(300)}); err != nil {
		t.Error(err)
	}
	s.wantEvents(t, "go SessionStarted kim", "go ParticipantJoined lee")
}
