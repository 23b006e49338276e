package domain_test

import (
	"fmt"
	"time"

	"github.com/studycall/studycall/domain"
)

// Given the events of a study, a command either causes new events or returns an error. Evolve folds the events to the state
// that the next decision needs.
func Example() {
	at := func(minute int) time.Time { return time.Date(2025, 11, 19, 10, minute, 0, 0, time.UTC) }
	fact := func(minute int) domain.Fact { return domain.Fact{SessionID: "s1", At: at(minute)} }

	var call domain.Call
	for _, event := range []domain.Event{
		domain.SessionStarted{Fact: fact(0), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: fact(1), ParticipantID: "p1", UserID: "kim"},
	} {
		call.Evolve(event)
	}

	events, err := call.Decide(domain.LeaveSession{SessionID: "s1", UserID: "kim", Reason: domain.Left, At: at(31)})
	fmt.Println("error:", err)
	for _, event := range events {
		fmt.Printf("%T at %s\n", event, event.OccurredAt().Format("15:04"))
		call.Evolve(event)
	}
	fmt.Println("seconds in the call:", call.Session.Participant("kim").Present.Seconds())

	_, err = call.Decide(domain.JoinSession{SessionID: "s1", ParticipantID: "p2", UserID: "lee", Capacity: 12, At: at(40)})
	fmt.Println("error:", err)
	// Output:
	// error: <nil>
	// domain.ParticipantLeft at 10:31
	// domain.SessionEnded at 10:31
	// seconds in the call: 1800
	// error: SESSION_ENDED
}
