package domain_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
)

// attended are the totals of a participant's finished intervals, in milliseconds.
type attended struct{ present, muted, cameraOff, sharing int64 }

func sums(a domain.Attendance) attended {
	return attended{
		a.Present.Total.Milliseconds(), a.Muted.Total.Milliseconds(),
		a.CameraOff.Total.Milliseconds(), a.Sharing.Total.Milliseconds(),
	}
}

func TestAttendance(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		given []domain.Event
		want  attended
	}{
		{"one stint", events(joined("kim", 1), left("kim", 5, domain.Left)), attended{present: 4000}},
		{
			"the time between two stints is not counted",
			events(joined("kim", 1), left("kim", 5, domain.Left), joined("kim", 60), left("kim", 61, domain.Left)),
			attended{present: 5000},
		},
		{"an unfinished stint is not in the total", events(joined("kim", 1)), attended{}},
		{
			"muted and unmuted",
			events(joined("kim", 1), muted("kim", 2), unmuted("kim", 3.5), left("kim", 5, domain.Left)),
			attended{present: 4000, muted: 1500},
		},
		{
			"a leave ends all three intervals",
			events(joined("kim", 1), muted("kim", 2), cameraOff("kim", 3), shared("kim", 4), left("kim", 5, domain.Left)),
			attended{present: 4000, muted: 3000, cameraOff: 2000, sharing: 1000},
		},
		{
			"a stint begins unmuted and with the camera on",
			events(joined("kim", 1), muted("kim", 2), cameraOff("kim", 2), left("kim", 5, domain.Left), joined("kim", 10),
				left("kim", 20, domain.Left)),
			attended{present: 14000, muted: 3000, cameraOff: 3000},
		},
		{
			"intervals of several stints add up",
			events(joined("kim", 0), cameraOff("kim", 1), cameraOn("kim", 2), cameraOff("kim", 3), left("kim", 4, domain.Left),
				joined("kim", 5), cameraOff("kim", 6), left("kim", 9, domain.Left)),
			attended{present: 8000, cameraOff: 5000},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kim := fold(append(events(started(0), joined("lee", 0)), c.given...)).Session.Participant("kim")
			if got := sums(kim.Attendance); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// Three intervals of 900 ms are 2 whole seconds, not 0.
func TestSecondsRoundDownTheTotalOnly(t *testing.T) {
	t.Parallel()
	kim := fold(events(started(0),
		joined("kim", 0), left("kim", 0.9, domain.Left),
		joined("kim", 1), left("kim", 1.9, domain.Left),
		joined("kim", 2), left("kim", 2.9, domain.Left),
	)).Session.Participant("kim")
	if got := kim.Present.Seconds(); got != 2 {
		t.Errorf("got %d s of %v, want 2", got, kim.Present.Total)
	}
	for d, want := range map[time.Duration]int64{0: 0, 999 * time.Millisecond: 0, time.Second: 1, 59999 * time.Millisecond: 59} {
		if got := domain.Seconds(d); got != want {
			t.Errorf("Seconds(%v) = %d, want %d", d, got, want)
		}
	}
}

func TestAParticipantKeepsOneRecordOverAllStints(t *testing.T) {
	t.Parallel()
	call := fold(events(started(0), joined("kim", 1), joined("lee", 2), left("kim", 5, domain.Left), joined("kim", 9)))
	if n := len(call.Session.Participants); n != 2 {
		t.Fatalf("%d records, want 2", n)
	}
	kim := call.Session.Participants[0]
	switch {
	case kim.UserID != "kim" || kim.ID != "p-kim":
		t.Errorf("the order of first joins is lost: %+v", call.Session.Participants)
	case !kim.JoinedAt.Equal(at(1)):
		t.Errorf("joinedAt is %v, want that of the first stint", kim.JoinedAt)
	case !kim.LeftAt.IsZero() || !kim.InCall():
		t.Errorf("leftAt is %v although the participant is in the call", kim.LeftAt)
	case !kim.Present.Since.Equal(at(9)) || kim.Present.Total != 4*time.Second:
		t.Errorf("the stint is %+v", kim.Present)
	}
	call.Evolve(left("kim", 12, domain.Disconnected))
	if kim := call.Session.Participants[0]; !kim.LeftAt.Equal(at(12)) || kim.InCall() || call.Session.InCall() != 1 {
		t.Errorf("after the second leave: %+v", kim)
	}
}

func TestEvolveStartsAndEndsSessions(t *testing.T) {
	t.Parallel()
	var call domain.Call
	if call.Session.Open() || call.Session.Duration() != 0 || call.Session.InCall() != 0 {
		t.Errorf("the zero Call has a session: %+v", call.Session)
	}
	call.Evolve(started(0))
	if s := call.Session; !s.Open() || s.ID != "s1" || s.StartedBy != "kim" || !s.StartedAt.Equal(start) || s.Duration() != 0 {
		t.Errorf("after the start: %+v", s)
	}
	call.Evolve(ended(90.5, domain.NobodyJoined))
	if s := call.Session; s.Open() || !s.EndedAt.Equal(at(90.5)) || s.EndReason != domain.NobodyJoined ||
		domain.Seconds(s.Duration()) != 90 {
		t.Errorf("after the end: %+v", s)
	}
	call.Evolve(domain.SessionStarted{Fact: domain.Fact{SessionID: "s2", At: at(100)}, StartedBy: "lee"})
	if s := call.Session; !s.Open() || s.ID != "s2" || len(s.Participants) != 0 {
		t.Errorf("after the next start: %+v", s)
	}
}

// An event that contradicts the state changes nothing, so that every log folds.
func TestEvolveIgnoresContradictingEvents(t *testing.T) {
	t.Parallel()
	other := domain.Fact{SessionID: "s0", At: at(9)}
	for name, event := range map[string]domain.Event{
		"a leave of a user who never joined":  left("park", 9, domain.Left),
		"a leave of a user who has left":      left("lee", 9, domain.Left),
		"a toggle of a user who never joined": muted("park", 9),
		"a toggle of a user who has left":     shared("lee", 9),
		"a join of another session":           domain.ParticipantJoined{Fact: other, ParticipantID: "p", UserID: "park"},
		"the end of another session":          domain.SessionEnded{Fact: other, Reason: domain.EveryoneLeft},
		"an unmute of a user who has left":    unmuted("lee", 9),
		"a mute of another session":           domain.AudioMuted{Fact: other, UserID: "kim"},
		"an end of no session":                domain.SessionEnded{},
		"a join of no session":                domain.ParticipantJoined{},
		"an unknown type in another session":  unknownEvent{other},
		"an unknown type in this session":     unknownEvent{fact(9)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := events(started(0), joined("kim", 1), joined("lee", 2), left("lee", 3, domain.Left))
			wantSame(t, fold(before), fold(extended(before, event)))
		})
	}
}

// An event after the end of its session changes nothing.
func TestEvolveIgnoresEventsAfterTheEnd(t *testing.T) {
	t.Parallel()
	over := events(started(0), joined("kim", 1), joined("lee", 1), ended(5, domain.EveryoneLeft))
	for _, event := range events(joined("park", 6), left("kim", 6, domain.Left), muted("lee", 6), ended(7, domain.NobodyJoined)) {
		wantSame(t, fold(over), fold(extended(over, event)))
	}
}

// If the times of a participant's events run backwards in a log, each counts as the latest one before it.
func TestEvolveReplacesTimesThatRunBackwards(t *testing.T) {
	t.Parallel()
	kim := fold(events(started(0), joined("lee", 0),
		joined("kim", 10), muted("kim", 20), unmuted("kim", 15), left("kim", 12, domain.Left),
		joined("kim", 5), cameraOff("kim", 30), left("kim", 25, domain.Left),
	)).Session.Participant("kim")
	if got, want := sums(kim.Attendance), (attended{present: 20_000}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !kim.JoinedAt.Equal(at(10)) || !kim.LeftAt.Equal(at(30)) {
		t.Errorf("joined at %v, left at %v, want 10 s and 30 s", kim.JoinedAt, kim.LeftAt)
	}
}

type unknownEvent struct{ domain.Fact }
