package commands_test

import (
	"context"
	"errors"
	"testing"

	"github.com/studycall/studycall/domain"
)

// toggles returns the three commands in one form: on means muted, camera off, sharing.
func toggles(s server) map[string]func(ctx context.Context, session, user string, on bool) (int64, error) {
	return map[string]func(ctx context.Context, session, user string, on bool) (int64, error){
		"audio": func(ctx context.Context, session, user string, on bool) (int64, error) {
			return s.SetToggle(ctx, "go", domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.Muted, On: on, At: at(9)})
		},
		"video": func(ctx context.Context, session, user string, on bool) (int64, error) {
			return s.SetToggle(ctx, "go", domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.CameraOff, On: on, At: at(9)})
		},
		"screen": func(ctx context.Context, session, user string, on bool) (int64, error) {
			share := domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.Sharing, On: on, At: at(9)}
			return s.SetToggle(ctx, "go", share)
		},
	}
}

func TestATogglesEventIsAppendedOnce(t *testing.T) {
	t.Parallel()
	for name, types := range map[string][2]string{
		"audio":  {"AudioMuted", "AudioUnmuted"},
		"video":  {"VideoTurnedOff", "VideoTurnedOn"},
		"screen": {"ScreenShareStarted", "ScreenShareStopped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			toggle := toggles(s)[name]
			older := s.endedSession(t, "go")
			session := s.mustStart(t, "go", "kim", 5).SessionID
			s.mustJoin(t, "go", session, "kim", 6) // position 6
			for i, c := range []struct {
				on   bool
				want int64
			}{{false, 6}, {true, 7}, {true, 7}, {false, 8}, {false, 8}, {true, 9}} {
				if got, err := toggle(t.Context(), session, "kim", c.on); err != nil || got != c.want {
					t.Errorf("toggle %d: got position %d, %v, want %d", i, got, err, c.want)
				}
			}
			log := s.log(t)
			if len(log) != 9 || log[6].Type != types[0] || log[7].Type != types[1] || log[8].Type != types[0] {
				t.Errorf("got %+v", log)
			}
			for _, c := range []struct {
				session, user string
				want          error
			}{
				{session, "lee", domain.ErrParticipantNotFound},
				{older, "kim", domain.ErrSessionNotFound},
				{"no-such-session", "kim", domain.ErrSessionNotFound},
			} {
				_, err := toggle(t.Context(), c.session, c.user, true)
				wantError(t, err, c.want)
			}
			s.mustLeave(t, "go", session, "kim", 10)
			_, err := toggle(t.Context(), session, "kim", true)
			wantError(t, err, domain.ErrSessionEnded)
		})
	}
}

func TestOneParticipantSharesAtATime(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.mustStart(t, "go", "kim", 0).SessionID
	s.mustJoin(t, "go", session, "kim", 1)
	s.mustJoin(t, "go", session, "lee", 1)
	share := toggles(s)["screen"]
	if _, err := share(t.Context(), session, "kim", true); err != nil {
		t.Fatal(err)
	}
	_, err := share(t.Context(), session, "lee", true)
	taken := (*domain.Error)(nil)
	if !errors.As(err, &taken) || taken.Code != domain.ScreenShareTaken || taken.Details["userId"] != "kim" {
		t.Errorf("got %#v", err)
	}
	s.mustLeave(t, "go", session, "kim", 20)
	if _, err := share(t.Context(), session, "lee", true); err != nil {
		t.Errorf("after the sharing participant left: %v", err)
	}
}
