package domain_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
)

// This file calculates attendance in a second, naive way, and shares no code with the aggregate: it collects intervals from
// a session's events, cuts them to the stints, unites them, and adds up their milliseconds.

// span is an interval in milliseconds.
type span struct{ from, to int64 }

const never = int64(1) << 62

// chapters splits a log before each SessionStarted.
func chapters(log []domain.Event) [][]domain.Event {
	var result [][]domain.Event
	for _, event := range log {
		if _, ok := event.(domain.SessionStarted); ok {
			result = append(result, nil)
		}
		result[len(result)-1] = append(result[len(result)-1], event)
	}
	return result
}

// change is one event of one user, as the naive calculation sees it.
type change struct {
	kind string
	at   int64
}

func changesOf(user string, events []domain.Event) []change {
	var result []change
	for _, event := range events {
		kind := reflect.TypeOf(event).Name()
		owner := reflect.ValueOf(event).FieldByName("UserID")
		if owner.IsValid() && owner.String() == user {
			result = append(result, change{kind, event.OccurredAt().UnixMilli()})
		}
	}
	return result
}

// spans returns an interval from every change of kind from to the next change of a kind in until. It drops an interval
// without an end.
func spans(changes []change, from string, until ...string) []span {
	var result []span
	for i, c := range changes {
		if c.kind != from {
			continue
		}
		end := slices.IndexFunc(changes[i:], func(later change) bool { return slices.Contains(until, later.kind) })
		if end >= 0 {
			result = append(result, span{c.at, changes[i+end].at})
		}
	}
	return result
}

// effective drops the changes of a kind that were made outside the call: they have no effect.
func effective(changes []change, kind string) []change {
	inCall := false
	return slices.DeleteFunc(slices.Clone(changes), func(c change) bool {
		switch c.kind {
		case "ParticipantJoined":
			inCall = true
		case "ParticipantLeft":
			inCall = false
		}
		return c.kind == kind && !inCall
	})
}

// seconds unites the intervals, adds up their milliseconds, and rounds the sum down.
func seconds(spans []span) int64 {
	slices.SortFunc(spans, func(a, b span) int { return int(a.from - b.from) })
	total, reached := int64(0), -never
	for _, s := range spans {
		if from := max(s.from, reached); s.to > from {
			total += s.to - from
		}
		reached = max(reached, s.to)
	}
	return total / 1000
}

// naive returns the attendance in whole seconds: present, muted, camera off, sharing.
func naive(user string, events []domain.Event) [4]int64 {
	changes := changesOf(user, events)
	state := func(on, off string) int64 {
		return seconds(spans(effective(changes, on), on, off, "ParticipantLeft"))
	}
	return [4]int64{
		seconds(spans(changes, "ParticipantJoined", "ParticipantLeft")),
		state("AudioMuted", "AudioUnmuted"),
		state("VideoTurnedOff", "VideoTurnedOn"),
		state("ScreenShareStarted", "ScreenShareStopped"),
	}
}

func TestTheAggregateAgreesWithTheNaiveCalculation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := randomHistory(t, func(*history, domain.Command, []domain.Event) {})
		for _, chapter := range chapters(l.log) {
			wantAgreement(t, chapter)
		}
	})
}

// The logs have events that Decide never returns: users join twice, leave twice, or mute outside the call.
func TestTheAggregateAgreesWithTheNaiveCalculationOnInvalidLogs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clock := start
		events := events(started(0))
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			clock = clock.Add(time.Duration(rapid.Int64Range(0, 9_000).Draw(t, "ms")) * time.Millisecond)
			user := rapid.SampledFrom(users()[:2]).Draw(t, "user")
			event := anyEvent(t, domain.Fact{SessionID: "s1", At: clock}, user)
			if _, end := event.(domain.SessionEnded); !end {
				events = append(events, event)
			}
		}
		wantAgreement(t, events)
	})
}

func wantAgreement(t *rapid.T, events []domain.Event) {
	session := fold(events).Session
	for _, user := range users() {
		var got [4]int64
		if p := session.Participant(user); p != nil {
			got = [4]int64{p.Present.Seconds(), p.Muted.Seconds(), p.CameraOff.Seconds(), p.Sharing.Seconds()}
		}
		if want := naive(user, events); got != want {
			t.Fatalf("%s: the aggregate has %v, the naive calculation %v, for\n%+v", user, got, want, events)
		}
	}
}

// The expected values were calculated by hand.
func TestTheNaiveCalculation(t *testing.T) {
	t.Parallel()
	got := naive("kim", events(started(0), joined("kim", 1), muted("kim", 2), joined("kim", 3), muted("kim", 3.5),
		left("kim", 6, domain.Left), joined("lee", 7), muted("kim", 8), joined("kim", 10), cameraOff("kim", 10.6), cameraOn("kim", 11.4),
		left("kim", 12.9, domain.Left)))
	if want := [4]int64{7, 4, 0, 0}; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
