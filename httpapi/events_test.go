package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/feed"
	ours "github.com/studycall/studycall/websocket"
)

// dialFeed tries to open a feed of a study as a user, with a query such as "&after=7". The status is 0 without an answer.
func (s *server) dialFeed(studyID, user, query string) (conn *websocket.Conn, status int, err error) {
	url := "ws" + strings.TrimPrefix(s.url, "http") + "/api/my-studies/" + studyID + "/video-call/events?userId=" + user + query
	conn, response, err := websocket.DefaultDialer.DialContext(s.tb.Context(), url, nil)
	if response == nil {
		return conn, 0, err
	}
	if err != nil {
		_ = response.Body.Close()
	}
	return conn, response.StatusCode, err
}

// subscribe opens a feed of the example study. It waits until the server follows the log.
func (s *server) subscribe(user, query string) *websocket.Conn {
	s.tb.Helper()
	var opened *websocket.Conn
	check.Eventually(s.tb, "the feed opens", func() bool {
		conn, status, err := s.dialFeed("study-123", user, query)
		if err != nil && status != http.StatusServiceUnavailable {
			s.tb.Fatalf("the feed of %s%s is refused: %v", user, query, err)
		}
		opened = conn
		return err == nil
	})
	s.tb.Cleanup(func() { _ = opened.Close() })
	return opened
}

// closeCode waits for the code with which a feed is closed.
func closeCode(t *testing.T, feed *websocket.Conn) int {
	t.Helper()
	check.NoError(t, feed.SetReadDeadline(time.Now().Add(time.Minute)))
	for {
		_, _, err := feed.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code
		}
		check.NoError(t, err)
	}
}

func TestAFeedBeginsAtTheEndOfTheLogOrAfterThePosition(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := s.start()
	all, fromNow := s.subscribe(member, "&after=0"), s.subscribe(owner, "")
	if got := s.ask(owner, "POST", "join", naming(first)); got.status != http.StatusCreated {
		t.Fatalf("join: %+v", got)
	}
	for _, c := range []struct {
		feed *websocket.Conn
		want []string
	}{{all, []string{"SessionStarted", "ParticipantJoined"}}, {fromNow, []string{"ParticipantJoined"}}} {
		for _, want := range c.want {
			check.NoError(t, c.feed.SetReadDeadline(time.Now().Add(time.Minute)))
			_, frame, err := c.feed.ReadMessage()
			check.NoError(t, err)
			var event struct{ Type string }
			check.NoError(t, json.Unmarshal(frame, &event))
			if event.Type != want {
				t.Errorf("got %s, want %s", frame, want)
			}
		}
	}
}

func TestWhoMayNotSubscribe(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.exec(`insert into users (id, name, email, status) values ('suspended', 'S', 's@example.com', 'SUSPENDED')`)
	s.start()
	s.subscribe(owner, "") // the server follows the log by now
	for name, c := range map[string]struct {
		study, user, query string
		status             int
	}{
		"no user":                     {"study-123", "", "", http.StatusUnauthorized},
		"a user of no study":          {"study-123", outsider, "", http.StatusForbidden},
		"a suspended account":         {"study-123", "suspended", "", http.StatusUnauthorized},
		"a study that does not exist": {"none", owner, "", http.StatusForbidden},
		"an impossible study":         {"%00", owner, "", http.StatusForbidden},
		"after a word":                {"study-123", owner, "&after=now", http.StatusBadRequest},
		"after nothing":               {"study-123", owner, "&after=", http.StatusBadRequest},
		"before the log":              {"study-123", owner, "&after=-1", http.StatusBadRequest},
		"beyond the end of the log":   {"study-123", owner, "&after=2", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, status, err := s.dialFeed(c.study, c.user, c.query)
			if err == nil {
				_ = conn.Close()
				t.Fatal("the feed opens")
			}
			if status != c.status {
				t.Errorf("got %d (%v), want %d", status, err, c.status)
			}
		})
	}
	refused(t, "GET without an upgrade", http.StatusBadRequest, "INVALID_REQUEST", s.ask(owner, http.MethodGet, "events", ""))
	for _, method := range []string{http.MethodPost, http.MethodHead} {
		if got := s.ask(owner, method, "events", ""); got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %+v", method, got)
		}
	}
}

func TestAFeedEndsWithTheMembershipTheAccountAndTheServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.exec(`insert into users (id, name, email) values ('sender', 'S', 's@example.com')`)
	s.exec(`insert into study_members (study_id, user_id) values ('study-123', 'sender')`)
	kicked, suspended, sender, drained := s.subscribe(member, ""), s.subscribe(admin, ""), s.subscribe("sender", ""), s.subscribe(owner, "")
	s.exec(`update study_members set status = 'KICKED' where user_id = $1`, member)
	s.exec(`update users set status = 'SUSPENDED' where id = $1`, admin)
	check.NoError(t, sender.WriteMessage(websocket.TextMessage, []byte("hello")))
	for name, c := range map[string]struct {
		feed *websocket.Conn
		want int
	}{"kicked": {kicked, closecode.Removed.Number}, "suspended": {suspended, closecode.Removed.Number}, "sender": {sender, closecode.BadPacket.Number}} {
		if got := closeCode(t, c.feed); got != c.want {
			t.Errorf("the feed of the %s user is closed with %d, want %d", name, got, c.want)
		}
	}
	check.NoError(t, s.feeds.Close(t.Context()))
	if got := closeCode(t, drained); got != ours.Restart.Number {
		t.Errorf("a drain closes feeds with %d, want %d", got, ours.Restart.Number)
	}
}

// emptyLog is a log without events.
type emptyLog struct{ feed.Log }

func (emptyLog) Head(context.Context) (int64, error) { return 0, nil }

// A subscription that begins while the server does not follow the log yet is refused, and may be tried again.
func TestAFeedIsUnavailableUntilTheServerFollowsTheLog(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *setup) { c.Feeds = feed.New(feed.Config{Log: emptyLog{}}) }) // never run
	got := s.ask(owner, http.MethodGet, "events", "", "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	refused(t, "too early", http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", got)
}
