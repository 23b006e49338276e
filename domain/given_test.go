package domain_test

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
)

// start is the business time at which the tests' sessions start. Times in cases are seconds after it.
var start = time.Date(2025, 11, 19, 10, 30, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return start.Add(time.Duration(math.Round(seconds*1e6)) * time.Microsecond)
}

// decision is one case of a decider: past events, a command, and either its events or its error.
type decision struct {
	name  string
	given []domain.Event
	when  domain.Command
	then  []domain.Event
	err   *domain.Error
}

func checkDecisions(t *testing.T, cases []decision) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			events, err := fold(c.given).Decide(c.when)
			if c.err != nil {
				if !errors.Is(err, c.err) || len(events) > 0 {
					t.Fatalf("got %v and error %v, want error %v and no events", events, err, c.err)
				}
				if c.err.Details != nil && !reflect.DeepEqual(err, error(c.err)) {
					t.Errorf("got %#v, want %#v", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("failed: %v", err)
			}
			if len(events)+len(c.then) > 0 && !reflect.DeepEqual(events, c.then) {
				t.Errorf("got\n%v\nwant\n%v", events, c.then)
			}
		})
	}
}

func fold(events []domain.Event) domain.Call {
	var call domain.Call
	for _, event := range events {
		call.Evolve(event)
	}
	return call
}

func events(all ...domain.Event) []domain.Event { return all }

// extended returns a copy of a history with more events.
func extended(history []domain.Event, more ...domain.Event) []domain.Event {
	return slices.Concat(history, more)
}

func fact(seconds float64) domain.Fact { return domain.Fact{SessionID: "s1", At: at(seconds)} }

func started(seconds float64) domain.Event {
	return domain.SessionStarted{Fact: fact(seconds), StartedBy: "kim"}
}

func joined(user string, seconds float64) domain.Event {
	return domain.ParticipantJoined{Fact: fact(seconds), ParticipantID: "p-" + user, UserID: user}
}

func left(user string, seconds float64, reason domain.LeaveReason) domain.Event {
	return domain.ParticipantLeft{Fact: fact(seconds), UserID: user, Reason: reason}
}

func ended(seconds float64, reason domain.EndReason) domain.Event {
	return domain.SessionEnded{Fact: fact(seconds), Reason: reason}
}

func muted(user string, seconds float64) domain.Event {
	return domain.AudioMuted{Fact: fact(seconds), UserID: user}
}

func unmuted(user string, seconds float64) domain.Event {
	return domain.AudioUnmuted{Fact: fact(seconds), UserID: user}
}

func cameraOff(user string, seconds float64) domain.Event {
	return domain.VideoTurnedOff{Fact: fact(seconds), UserID: user}
}

func cameraOn(user string, seconds float64) domain.Event {
	return domain.VideoTurnedOn{Fact: fact(seconds), UserID: user}
}

func shared(user string, seconds float64) domain.Event {
	return domain.ScreenShareStarted{Fact: fact(seconds), UserID: user}
}

func unshared(user string, seconds float64) domain.Event {
	return domain.ScreenShareStopped{Fact: fact(seconds), UserID: user}
}

// join is a command with capacity 12. Its participant id is new, as that of every caller.
func join(user string, seconds float64) domain.JoinSession {
	return domain.JoinSession{
		SessionID: "s1", ParticipantID: "new-" + user, UserID: user, Capacity: 12, At: at(seconds),
	}
}

func leave(user string, seconds float64, reason domain.LeaveReason) domain.LeaveSession {
	return domain.LeaveSession{SessionID: "s1", UserID: user, Reason: reason, At: at(seconds)}
}
