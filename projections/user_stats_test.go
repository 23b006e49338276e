package projections_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

func TestUserSummary(t *testing.T) {
	t.Parallel()
	a := newStatsServer(t, seoul(t))
	a.given("study-1",
		domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: at("s1", 1), ParticipantID: "p1", UserID: "kim"},
		domain.ParticipantJoined{Fact: at("s1", 2), ParticipantID: "p2", UserID: "lee"},
		domain.AudioMuted{Fact: at("s1", 10), UserID: "kim"},
		domain.VideoTurnedOff{Fact: at("s1", 20), UserID: "kim"},
		domain.ScreenShareStarted{Fact: at("s1", 30), UserID: "kim"},
		domain.ParticipantLeft{Fact: at("s1", 41), UserID: "kim", Reason: domain.Left},
		domain.ParticipantJoined{Fact: at("s1", 100), ParticipantID: "p1", UserID: "kim"},
		domain.ParticipantLeft{Fact: at("s1", 110), UserID: "kim", Reason: domain.Left},
		domain.ParticipantLeft{Fact: at("s1", 120), UserID: "lee", Reason: domain.Left},
		domain.SessionEnded{Fact: at("s1", 120), Reason: domain.EveryoneLeft})
	position := a.givenPast("study-1", pastSession{"s2", epoch.Add(time.Hour), time.Minute, []stay{{"kim", time.Minute}}})
	a.givenPast("study-2", pastSession{"s3", epoch, time.Hour, []stay{{"kim", time.Hour}}})
	a.given("study-1", // an open session does not count
		domain.SessionStarted{Fact: at("s4", 9000), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: at("s4", 9000), ParticipantID: "p4", UserID: "kim"},
		domain.ParticipantLeft{Fact: at("s4", 9999), UserID: "kim", Reason: domain.Left})

	got, err := a.users.Summary(t.Context(), "study-1", "kim")

	check.NoError(a.t, err)
	if got.Position < position {
		t.Errorf("the position is %d, want %d at least", got.Position, position)
	}
	want := projections.UserSummary{
		Sessions: 2, Present: 110 * time.Second, Muted: 31 * time.Second, CameraOff: 21 * time.Second, Sharing: 11 * time.Second,
		FirstJoinedAt: epoch.Add(time.Second), LastLeftAt: epoch.Add(61 * time.Minute), Position: got.Position,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, never := range []struct{ study, user string }{{"study-1", "park"}, {"study-2", "lee"}, {"", ""}} {
		got, err := a.users.Summary(t.Context(), never.study, never.user)
		check.NoError(a.t, err)
		if got != (projections.UserSummary{Position: got.Position}) || got.Position < position {
			t.Errorf("%+v: got %+v", never, got)
		}
	}
}
