package httpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
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

// TestTablesThatACrashTookBackDoNotAnswerForThem: after a crash of Postgres the folds of its last moments may be gone, which
// this server had heard of. Whoever insists on them gets no older answer, until they are folded again.
func TestTablesThatACrashTookBackDoNotAnswerForThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	insist := w.past("study-123", meeting{id: "s", start: clock("2025-11-19T00:00:00Z"), present: everybody(time.Second, member)})
	paths := []string{"status", "sessions/s", "sessions/unknown", "history", "stats", "stats/users/" + member}
	var answers []int
	for _, path := range paths {
		answers = append(answers, w.ask(member, "GET", path, "", insist...).status)
	}
	crashed, err := w.pool.Begin(t.Context())
	must(t, err)
	defer func() { _ = crashed.Rollback(t.Context()) }()
	// Nobody folds anything, and everybody reads.
	_, err = crashed.Exec(t.Context(), `lock table sessions.sessions, history.sessions, user_stats.totals, study_stats.days in share mode`)
	must(t, err)
	w.exec(`update checkpoints set position = 1`)

	for i, path := range paths {
		got := w.ask(member, "GET", path, "", insist...)
		details := refused(t, path, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", got)
		if details["field"] != "Min-Event-Position" || details["reason"] != "is not reached any more, and will be in a moment" ||
			got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %+v", path, got)
		}
		if got := w.ask(member, "GET", path, ""); got.status != answers[i] {
			t.Errorf("%s, not insisting: %+v", path, got)
		}
	}
	must(t, crashed.Rollback(t.Context()))
	w.exec(`select pg_notify('studycall_wake', '')`)
	for i, path := range paths {
		for deadline := time.Now().Add(10 * time.Second); w.ask(member, "GET", path, "", insist...).status != answers[i]; {
			if time.Now().After(deadline) {
				t.Fatalf("%s: it is not folded again", path)
			}
		}
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
