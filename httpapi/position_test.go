package httpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestEveryAnswerCarriesItsPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, c := range []struct{ method, path, body, want string }{
		{"GET", "status", "", "0"},
		{"POST", "start", "", "1"},
		{"POST", "start", "", "1"},
		{"GET", "status", "", "1"},
		{"POST", "join", naming("id-1"), "2"},
		{"POST", "join", naming("id-1"), "2"},
		{"GET", "sessions/id-1", "", "2"},
		{"POST", "leave", naming("id-1"), "4"},
		{"POST", "leave", naming("id-1"), "4"},
		{"GET", "status", "", "4"},
	} {
		got := w.ask(owner, c.method, c.path, c.body)
		if position := got.header.Get("Event-Position"); position != c.want {
			t.Errorf("%d, %s: Event-Position %q, want %s: %+v", i, c.path, position, c.want, got)
		}
	}
}

func TestAQueryWaitsForThePositionAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 20 {
		started := w.ask(owner, "POST", "start", "")
		position := started.header.Get("Event-Position")
		got := w.ask(owner, "GET", "status", "", "Min-Event-Position", position)
		if got.status != http.StatusOK || !strings.Contains(got.body, `"onlineCount"`) || got.header.Get("Event-Position") < position {
			t.Fatalf("%+v", got)
		}
	}
	got := w.ask(owner, "GET", "status", "", "Min-Event-Position", "1000")
	details := refused(t, "far ahead", http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", got)
	if details["field"] != "Min-Event-Position" || got.header.Get("Retry-After") == "" {
		t.Errorf("%+v", got)
	}
	for _, malformed := range []string{"", "-1", "+1", "1.0", "one", "9223372036854775808", "1, 2", "0x1"} {
		for _, path := range []string{"status", "sessions/id-1"} {
			got := w.ask(owner, "GET", path, "", "Min-Event-Position", malformed)
			details := refused(t, malformed, http.StatusBadRequest, "INVALID_REQUEST", got)
			if details["field"] != "Min-Event-Position" || details["reason"] == "" {
				t.Errorf("%q: details %v", malformed, details)
			}
		}
	}
	if w.logged.String() != "" {
		t.Errorf("logged: %s", w.logged)
	}
}

func TestOfManyWhoStartAtOnceOneCreates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answers := make(chan answer, 30)
	var starters sync.WaitGroup
	for i := range cap(answers) {
		starters.Go(func() { answers <- w.ask([]string{owner, admin, member}[i%3], "POST", "start", "") })
	}
	starters.Wait()
	close(answers)
	statuses, positions := map[int]int{}, map[string]int{}
	for got := range answers {
		statuses[got.status]++
		positions[got.header.Get("Event-Position")]++
	}
	if statuses[http.StatusCreated] != 1 || statuses[http.StatusOK] != 29 || positions[strconv.Itoa(w.events(t))] != 30 {
		t.Errorf("statuses %v, positions %v", statuses, positions)
	}
}
