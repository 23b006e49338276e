package projections_test

import (
	"reflect"
	"testing"

	"github.com/studycall/studycall/domain"
)

func TestOpenCalls(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mustBe := func(want map[string]domain.Session) {
		t.Helper()
		got, err := h.queries.OpenCalls(t.Context())
		h.then(err)
		if len(got) != len(want) {
			t.Errorf("%d calls are open, want %d: %+v", len(got), len(want), got)
		}
		for study, session := range want {
			if !reflect.DeepEqual(got[study], session) {
				t.Errorf("%s: %+v, want %+v", study, got[study], session)
			}
		}
	}
	h.caughtUp()
	mustBe(nil)
	h.given("go", domain.SessionStarted{Fact: at("g1", 0), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: at("g1", 1), ParticipantID: "p1", UserID: "kim"},
		domain.ParticipantJoined{Fact: at("g1", 2), ParticipantID: "p2", UserID: "lee"},
		domain.ParticipantLeft{Fact: at("g1", 3), UserID: "kim", Reason: domain.Left})
	h.given("rust", domain.SessionStarted{Fact: at("r1", 0), StartedBy: "lee"})
	h.given("zig", domain.SessionStarted{Fact: at("z1", 0), StartedBy: "lee"},
		domain.SessionEnded{Fact: at("z1", 9), Reason: domain.NobodyJoined})
	h.caughtUp()
	mustBe(map[string]domain.Session{"go": h.folded("go"), "rust": h.folded("rust")})
}
