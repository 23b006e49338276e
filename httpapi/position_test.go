package httpapi_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/projections"
)

func TestEveryAnswerCarriesItsPosition(t *testing.T) {
	t.Parallel()
	s := newServer(t)
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
		got := s.ask(owner, c.method, c.path, c.body)
		if position := got.header.Get("Event-Position"); position != c.want {
			t.Errorf("%d, %s: Event-Position %q, want %s: %+v", i, c.path, position, c.want, got)
		}
	}
}

func TestAQueryWaitsForTheRequestedPosition(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ask(owner, "POST", "start", "")
	s.ask(owner, "POST", "join", naming("id-1"))
	for i := range 20 {
		act, online := "join", `"onlineCount":2`
		if i%2 == 1 {
			act, online = "leave", `"onlineCount":1`
		}
		acted := s.ask(member, "POST", act, naming("id-1"))
		position := acted.header.Get("Event-Position")
		got := s.ask(owner, "GET", "status", "", "Min-Event-Position", position)
		if got.status != http.StatusOK || !strings.Contains(got.body, online) || position != strconv.Itoa(3+i) || got.header.Get("Event-Position") != position {
			t.Fatalf("%d, %s at %q: %+v", i, act, position, got)
		}
	}
	got := s.ask(owner, "GET", "status", "", "Min-Event-Position", "1000")
	details := refused(t, "far ahead", http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", got)
	if details["field"] != "Min-Event-Position" || got.header.Get("Retry-After") == "" {
		t.Errorf("%+v", got)
	}
	for _, malformed := range []string{"", "-1", "+1", "1.0", "one", "9223372036854775808", "1, 2", "0x1"} {
		for _, path := range []string{"status", "sessions/id-1"} {
			got := s.ask(owner, "GET", path, "", "Min-Event-Position", malformed)
			details := refused(t, malformed, http.StatusBadRequest, "INVALID_REQUEST", got)
			if details["field"] != "Min-Event-Position" || details["reason"] == "" {
				t.Errorf("%q: details %v", malformed, details)
			}
		}
	}
	if s.logged.String() != "" {
		t.Errorf("logged: %s", s.logged)
	}
}

// crash reverts the tables as a crash of Postgres does, which loses folds whose commits this server has seen. No server can fold
// the events again until goOn is called.
func (s *server) crash() (goOn func()) {
	s.tb.Helper()
	// A fold locks its checkpoint and then its tables. Locking the checkpoints first excludes a fold in between.
	checkpoints, err := s.pool.Begin(s.tb.Context())
	check.NoError(s.tb, err)
	s.tb.Cleanup(func() { _ = checkpoints.Rollback(context.Background()) })
	_, err = checkpoints.Exec(s.tb.Context(), `select from checkpoints for update`)
	check.NoError(s.tb, err)
	folds, err := s.pool.Begin(s.tb.Context())
	check.NoError(s.tb, err)
	s.tb.Cleanup(func() { _ = folds.Rollback(context.Background()) })
	_, err = folds.Exec(s.tb.Context(), `lock table sessions.sessions, history.sessions, user_stats.totals, study_stats.days in share mode`)
	check.NoError(s.tb, err)
	_, err = checkpoints.Exec(s.tb.Context(), `update checkpoints set position = 1`)
	check.NoError(s.tb, err)
	check.NoError(s.tb, checkpoints.Commit(s.tb.Context()))
	return func() {
		check.NoError(s.tb, folds.Rollback(s.tb.Context()))
		s.exec(`select pg_notify('studycall_wake', '')`)
	}
}

// impatient makes the queries use stale tables as soon as a production server would.
func impatient(c *setup) {
	if sessions, ok := c.Sessions.(*projections.SessionQueries); ok {
		sessions.FreshWithin = 500 * time.Millisecond
	}
}

// A request for a position that a crash reverted gets no older answer. It is answered once the events are folded again.
func TestTablesThatACrashRevertedDoNotAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(t, impatient)
	insist := s.past("study-123", pastCall{id: "s", start: clock("2025-11-19T00:00:00Z"), present: everybody(time.Second, member)})
	paths := []string{"status", "sessions/s", "sessions/unknown", "history", "stats", "stats/users/" + member}
	answers := map[string]int{}
	for _, path := range paths {
		answers[path] = s.ask(member, "GET", path, "", insist...).status
	}
	goOn := s.crash()

	var asking sync.WaitGroup
	for _, path := range paths {
		asking.Go(func() {
			got := s.ask(member, "GET", path, "", insist...)
			details := refused(t, path, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", got)
			if details["field"] != "Min-Event-Position" || details["reason"] != "was not reached within 2s" || got.header.Get("Retry-After") == "" {
				t.Errorf("%s: %+v", path, got)
			}
		})
		if got := s.ask(member, "GET", path, ""); got.status != answers[path] {
			t.Errorf("%s, not insisting: %+v", path, got)
		}
	}
	asking.Wait()
	goOn()
	for _, path := range paths {
		if got := s.ask(member, "GET", path, "", insist...); got.status != answers[path] {
			t.Errorf("%s, recovered: %+v", path, got)
		}
	}
}

// lookedAt is a history that signals each query.
type lookedAt struct {
	httpapi.History
	looks chan struct{}
}

func (l lookedAt) Page(ctx context.Context, study string, page projections.HistoryPage) (projections.PastSessions, error) {
	found, err := l.History.Page(ctx, study, page)
	select {
	case l.looks <- struct{}{}:
	default:
	}
	return found, err
}

// The answer comes as soon as the events are folded again.
func TestAQueryIsRepeatedUntilRevertedEventsAreFoldedAgain(t *testing.T) {
	t.Parallel()
	looks := make(chan struct{})
	s := newServer(t, func(c *setup) { c.History = lookedAt{c.History, looks} })
	insist := s.past("study-123", pastCall{id: "s", start: clock("2025-11-19T00:00:00Z"), present: everybody(time.Second, member)})
	if got := s.ask(member, "GET", "history", "", insist...); got.status != http.StatusOK {
		t.Fatalf("%+v", got)
	}
	goOn := s.crash()
	answered := make(chan answer, 1)
	go func() { answered <- s.ask(member, "GET", "history", "", insist...) }()
	for range 2 {
		select {
		case <-looks:
		case early := <-answered:
			t.Fatalf("answered before anything was folded again: %+v", early)
		}
	}
	goOn()
	if got := <-answered; got.status != http.StatusOK || !strings.Contains(got.body, `"id":"s"`) {
		t.Errorf("%+v", got)
	}
}

func TestOneOfManyConcurrentStartsCreatesTheSession(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	answers := make(chan answer, 30)
	var starters sync.WaitGroup
	for i := range cap(answers) {
		starters.Go(func() { answers <- s.ask([]string{owner, admin, member}[i%3], "POST", "start", "") })
	}
	starters.Wait()
	close(answers)
	statuses, positions := map[int]int{}, map[string]int{}
	for got := range answers {
		statuses[got.status]++
		positions[got.header.Get("Event-Position")]++
	}
	if statuses[http.StatusCreated] != 1 || statuses[http.StatusOK] != 29 || positions[strconv.Itoa(s.events(t))] != 30 {
		t.Errorf("statuses %v, positions %v", statuses, positions)
	}
}
