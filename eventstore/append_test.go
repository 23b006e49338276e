package eventstore_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

func TestAppendNumbersTheEvents(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	before := query[time.Time](t, s.pool, `select clock_timestamp()`)[0]
	for i, c := range []struct {
		stream   string
		expected int64
		events   []domain.Event
		last     int64
	}{
		{"call-a", 0, []domain.Event{started("s1", "kim"), muted("s1", "kim")}, 2},
		{"call-b", 0, []domain.Event{muted("s2", "lee")}, 3},
		{"call-a", 2, []domain.Event{muted("s1", "lee"), muted("s1", "park"), muted("s1", "choi")}, 6},
	} {
		if got := appendEvents(t, s, c.stream, c.expected, c.events...); got != c.last {
			t.Errorf("append %d ended at position %d, want %d", i+1, got, c.last)
		}
	}
	wantLog(t, s, "call-a/SessionStarted/kim", "call-a/AudioMuted/kim", "call-b/AudioMuted/lee",
		"call-a/AudioMuted/lee", "call-a/AudioMuted/park", "call-a/AudioMuted/choi")

	first := wholeLog(t, s)[0]
	if first.Session != "s1" || first.Study() != "a" || eventstore.Stream("a") != first.Stream {
		t.Errorf("got %+v", first)
	}
	if !reflect.DeepEqual(first.OccurredAt, occurred) {
		t.Errorf("occurred at %v, want %v", first.OccurredAt, occurred)
	}
	if first.RecordedAt.Location() != time.UTC || first.RecordedAt.Before(before) {
		t.Errorf("recorded at %v, want the database's time, after %v", first.RecordedAt, before)
	}
	event, err := first.Event()
	if want := started("s1", "kim"); err != nil || !reflect.DeepEqual(event, want) {
		t.Errorf("got %+v, %v, want %+v", event, err, want)
	}
}

func TestAppendChecksTheVersion(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	appendEvents(t, s, "call-a", 0, muted("s", "1"), muted("s", "2"))
	for name, c := range map[string]struct {
		stream   string
		expected int64
	}{
		"the stream exists":         {"call-a", 0},
		"another append came first": {"call-a", 1},
		"the version is too high":   {"call-a", 3},
		"the stream does not exist": {"call-b", 1},
		"a negative version":        {"call-b", -1},
	} {
		position, err := s.Append(t.Context(), c.stream, c.expected, []domain.Event{muted("s", "x"), muted("s", "y")})
		if !errors.Is(err, eventstore.ErrConflict) || position != 0 {
			t.Errorf("%s: got position %d and error %v, want a conflict", name, position, err)
		}
		wantLog(t, s, "call-a/AudioMuted/1", "call-a/AudioMuted/2")
	}
	appendEvents(t, s, "call-a", 2, muted("s", "3"))
	wantLog(t, s, "call-a/AudioMuted/1", "call-a/AudioMuted/2", "call-a/AudioMuted/3")
}

// Six appends on two servers create the same stream at the same time.
func TestOneOfSeveralCreatorsWins(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	const rounds = 25
	for round := range rounds {
		stream := eventstore.Stream(string(rune('a' + round)))
		outcomes := make([]outcome, 6)
		inParallel(len(outcomes), func(i int) {
			outcomes[i] = <-appendAsync([]server{a, b}[i%2], stream, 0, muted("s", "x"))
		})
		won := 0
		for _, o := range outcomes {
			if o.err == nil {
				won++
			} else {
				wantError(t, o.err, eventstore.ErrConflict)
			}
		}
		if won != 1 {
			t.Fatalf("%d appends created the stream, want 1: %+v", won, outcomes)
		}
	}
	if n := len(wholeLog(t, a)); n != rounds {
		t.Errorf("the log holds %d events, want %d", n, rounds)
	}
}

func TestAppendRefusesAnUnregisteredEvent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	type unregistered struct{ domain.Fact }
	_, err := s.Append(t.Context(), "call-a", 0, []domain.Event{muted("s", "1"), unregistered{fact("s")}})
	if err == nil || errors.Is(err, eventstore.ErrConflict) || errors.Is(err, eventstore.ErrUnavailable) {
		t.Errorf("got error %v, want one that is no conflict and no outage", err)
	}
	wantLog(t, s)
}
