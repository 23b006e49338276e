package seed_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/seed"
)

// A past of 4000 sessions has realistic numbers of everything.
func TestAPastIsRealistic(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	past := inSeoul(t, 1, 20)
	for n := range 200 {
		for session := range past.Study(n + 1).Sessions() {
			count(counts, session, past)
		}
	}
	const sessions = 4000
	for _, c := range []struct {
		name      string
		low, high float64 // per session
	}{
		{"events", 38, 42},
		{"weekday evening", 0.65, 0.85},
		{"weekend", 0.15, 0.35},
		{"over midnight", 0.01, 0.1},
		{"without participants", 0.01, 0.03},
		{"longer than two hours", 0.1, 0.5},
		{"shorter than an hour", 0.05, 0.4},
		{"participants", 5, 8},
		{"full", 0.005, 0.2},
		{"late", 0.5, 3},
		{"disconnected", 0.5, 3},
		{"rejoined", 0.4, 2},
		{"domain.AudioMuted", 5, 15},
		{"domain.AudioUnmuted", 3, 15},
		{"domain.VideoTurnedOff", 1, 6},
		{"domain.VideoTurnedOn", 0.5, 4},
		{"domain.ScreenShareStarted", 0.5, 3},
		{"domain.ScreenShareStopped", 0.5, 3},
	} {
		if got := float64(counts[c.name]) / sessions; got < c.low || got > c.high {
			t.Errorf("%s: %.3f per session, want %v to %v", c.name, got, c.low, c.high)
		}
	}
}

func count(counts map[string]int, session []domain.Event, past seed.Past) {
	tally := func(name string, applies bool) {
		if applies {
			counts[name]++
		}
	}
	counts["events"] += len(session)
	start := session[0].OccurredAt().In(past.Until.Location())
	end := session[len(session)-1].OccurredAt().In(past.Until.Location())
	weekend := start.Weekday() == time.Saturday || start.Weekday() == time.Sunday
	tally("weekend", weekend)
	tally("weekday evening", !weekend && start.Hour() >= 18)
	tally("over midnight", start.Day() != end.Day())
	tally("longer than two hours", end.Sub(start) > 2*time.Hour)
	users := map[string]bool{}
	for _, event := range session {
		counts[fmt.Sprintf("%T", event)]++
		switch e := event.(type) {
		case domain.ParticipantJoined:
			tally("rejoined", users[e.UserID])
			tally("late", !users[e.UserID] && e.At.Sub(start) > 5*time.Minute)
			users[e.UserID] = true
		case domain.ParticipantLeft:
			tally("disconnected", e.Reason == domain.Disconnected)
		}
	}
	counts["participants"] += len(users)
	tally("full", len(users) == 12)
	tally("without participants", len(users) == 0)
	tally("shorter than an hour", len(users) > 0 && end.Sub(start) < time.Hour)
}

// A study with more sessions than evenings meets around the clock, in shorter sessions if necessary, also in the weeks in which the
// clocks change.
func TestBusyStudiesMeetAroundTheClock(t *testing.T) {
	t.Parallel()
	until := time.Date(2025, 11, 20, 0, 0, 0, 0, zone(t, "America/New_York"))
	for sessions, longest := range map[int]time.Duration{
		3120: 3 * time.Hour, 3121: 3 * time.Hour, 20_000: 3 * time.Hour, seed.MaxSessions: 25 * time.Minute,
	} {
		t.Run(strconv.Itoa(sessions), func(t *testing.T) {
			t.Parallel()
			if testing.Short() && sessions > 4000 {
				t.Skip("-short: takes up to 15 s")
			}
			var c checker
			count := 0
			for session := range (seed.Past{Sessions: sessions, Until: until}).Study(1).Sessions() {
				for _, event := range session {
					if wrong := c.check(event); wrong != "" {
						t.Fatalf("%T %+v: %s", event, event, wrong)
					}
				}
				if took := c.ended.Sub(c.started); took > longest {
					t.Fatalf("a session took %v", took)
				}
				count++
			}
			if count != sessions || !c.ended.Before(until) || c.ended.Before(until.AddDate(0, 0, -7)) {
				t.Errorf("the last of %d ended at %v", count, c.ended)
			}
		})
	}
}
