package realtime_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	ours "github.com/studycall/studycall/websocket"
)

// fed is an event as a subscriber gets it.
type fed struct {
	Position   int64           `json:"position"`
	Type       string          `json:"type"`
	SessionID  string          `json:"sessionId"`
	Data       json.RawMessage `json:"data"`
	OccurredAt string          `json:"occurredAt"`
}

// reader is a subscriber.
type reader struct {
	t    *testing.T
	conn *websocket.Conn
}

// subscribe opens a feed of the study "go", with a query such as "&after=7".
func (n *node) subscribe(user, query string) *reader {
	n.world.t.Helper()
	var r *reader
	n.world.eventually("the feed opens", func() bool { // the server may be about to follow the log
		conn, status, err := n.dialFeed(study, user, query)
		if err != nil {
			if status != http.StatusServiceUnavailable {
				n.world.t.Fatalf("the feed of %s%s is refused: %v", user, query, err)
			}
			return false
		}
		r = &reader{n.world.t, conn}
		return true
	})
	n.world.t.Cleanup(func() { _ = r.conn.Close() })
	return r
}

// dialFeed tries to. It gives the status, 0 where there was no answer.
func (n *node) dialFeed(studyID, user, query string) (*websocket.Conn, int, error) {
	url := "ws" + strings.TrimPrefix(n.url, "http") + "/api/my-studies/" + studyID + "/video-call/events?userId=" + user + query
	conn, response, err := websocket.DefaultDialer.DialContext(n.world.t.Context(), url, nil)
	if response == nil {
		return conn, 0, err
	}
	if err != nil {
		_ = response.Body.Close()
	}
	return conn, response.StatusCode, err
}

// next is the next event, as it came and decoded.
func (r *reader) next() (raw string, event fed) {
	r.t.Helper()
	must(r.t, r.conn.SetReadDeadline(time.Now().Add(patience)))
	_, data, err := r.conn.ReadMessage()
	must(r.t, err)
	must(r.t, json.Unmarshal(data, &event))
	return string(data), event
}

// closed waits for the code with which the feed is closed.
func (r *reader) closed() int {
	r.t.Helper()
	must(r.t, r.conn.SetReadDeadline(time.Now().Add(patience)))
	for {
		_, _, err := r.conn.ReadMessage()
		var code *websocket.CloseError
		if errors.As(err, &code) {
			return code.Code
		}
		must(r.t, err)
	}
}

// feedAt is a fact at so many seconds after a fixed time.
func feedAt(session string, second int) domain.Fact {
	return domain.Fact{SessionID: session, At: time.Date(2025, 11, 19, 10, 30, second, 0, time.UTC)}
}

// writes appends events to a study, by themselves.
func (n *node) writes(studyID string, version int64, events ...domain.Event) {
	n.world.t.Helper()
	_, err := n.store.Append(n.world.t.Context(), eventstore.Stream(studyID), version, events)
	must(n.world.t, err)
}

// TestASubscriberGetsTheLog: from the position on that it names, or from now; its own study's alone; in the contract's shape.
func TestASubscriberGetsTheLog(t *testing.T) {
	t.Parallel()
	n := newWorld(t).server()
	n.writes("rust", 0, domain.SessionStarted{Fact: feedAt("r1", 0), StartedBy: "lee"})
	n.writes(study, 0,
		domain.SessionStarted{Fact: feedAt("s1", 0), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: feedAt("s1", 1), ParticipantID: "p1", UserID: "kim"})
	all, rest, fromNow := n.subscribe("lee", "&after=0"), n.subscribe("kim", "&after=2"), n.subscribe("park", "")
	n.writes("rust", 1, domain.SessionEnded{Fact: feedAt("r1", 2), Reason: domain.NobodyJoined})
	n.writes(study, 2, domain.AudioMuted{Fact: feedAt("s1", 3), UserID: "kim"})
	want := []string{
		`{"position":2,"type":"SessionStarted","sessionId":"s1","data":{"userId":"kim"},"occurredAt":"2025-11-19T10:30:00.000Z"}`,
		`{"position":3,"type":"ParticipantJoined","sessionId":"s1","data":{"participantId":"p1","userId":"kim"},"occurredAt":"2025-11-19T10:30:01.000Z"}`,
		`{"position":5,"type":"AudioMuted","sessionId":"s1","data":{"userId":"kim"},"occurredAt":"2025-11-19T10:30:03.000Z"}`,
	}
	for _, c := range []struct {
		who  *reader
		want []string
	}{{all, want}, {rest, want[1:]}, {fromNow, want[2:]}} {
		for _, event := range c.want {
			if got, _ := c.who.next(); got != event {
				t.Errorf("got  %s\nwant %s", got, event)
			}
		}
	}
}

// TestAFeedCutAndResumedShowsEachEventOnce: cut at random while events are appended on two servers, resumed on either.
func TestAFeedCutAndResumedShowsEachEventOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nodes := []*node{w.server(), w.server()}
	const events, readers = 3000, 4
	var all sync.WaitGroup
	all.Go(func() {
		version := int64(0)
		for version < events {
			batch := []domain.Event{domain.SessionStarted{Fact: feedAt(fmt.Sprint("s", version), 0), StartedBy: "kim"}}
			for range rand.IntN(20) {
				batch = append(batch, domain.AudioMuted{Fact: feedAt(fmt.Sprint("s", version), 1), UserID: "kim"})
			}
			if _, err := nodes[rand.IntN(2)].store.Append(t.Context(), eventstore.Stream(study), version, batch); err != nil {
				t.Error(err)
				return
			}
			version += int64(len(batch))
		}
	})
	for range readers {
		all.Go(func() {
			last := int64(0)
			for last < events {
				r := nodes[rand.IntN(2)].subscribe("lee", fmt.Sprintf("&after=%d", last))
				for range 1 + rand.IntN(700) {
					_, event := r.next()
					if event.Position != last+1 {
						t.Errorf("after %d comes %d", last, event.Position)
						return
					}
					if last = event.Position; last >= events {
						break
					}
				}
				_ = r.conn.UnderlyingConn().Close()
			}
		})
	}
	all.Wait()
}

func TestWhoMayNotSubscribe(t *testing.T) {
	t.Parallel()
	n := newWorld(t).server()
	n.writes(study, 0, domain.SessionStarted{Fact: feedAt("s1", 0), StartedBy: "kim"})
	n.subscribe("kim", "") // it follows the log by now
	for name, c := range map[string]struct {
		study, user, query string
		status             int
	}{
		"nobody":                    {study, "", "", http.StatusUnauthorized},
		"a stranger":                {study, "stranger", "", http.StatusForbidden},
		"a frozen account":          {study, "frozen", "", http.StatusUnauthorized},
		"of no study":               {"none", "kim", "", http.StatusForbidden},
		"of an impossible study":    {"%00", "kim", "", http.StatusForbidden},
		"after a word":              {study, "kim", "&after=now", http.StatusBadRequest},
		"after nothing":             {study, "kim", "&after=", http.StatusBadRequest},
		"before the log":            {study, "kim", "&after=-1", http.StatusBadRequest},
		"beyond the end of the log": {study, "kim", "&after=2", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, status, err := n.dialFeed(c.study, c.user, c.query)
			if err == nil {
				_ = conn.Close()
				t.Fatal("is let in")
			}
			if status != c.status {
				t.Errorf("got %d (%v), want %d", status, err, c.status)
			}
		})
	}
	for method, status := range map[string]int{http.MethodGet: http.StatusBadRequest, http.MethodPost: http.StatusMethodNotAllowed} {
		request, err := http.NewRequestWithContext(t.Context(), method, n.url+"/api/my-studies/go/video-call/events", http.NoBody)
		must(t, err)
		request.Header.Set("X-User-Id", "kim")
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("%s without an upgrade: %s", method, response.Status)
		}
	}
}

// TestAFeedEndsWithWhatItRestsOn: with the membership, with the account, and with the server.
func TestAFeedEndsWithWhatItRestsOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kicked, suspended, loud, drained := n.subscribe("lee", ""), n.subscribe("park", ""), n.subscribe("choi", ""), n.subscribe("kim", "")
	w.exec(`update study_members set status = 'KICKED' where user_id = 'lee' and study_id = 'go'`)
	w.exec(`update users set status = 'SUSPENDED' where id = 'park'`)
	must(t, loud.conn.WriteMessage(websocket.TextMessage, []byte("hello")))
	for name, c := range map[string]struct {
		who  *reader
		code ours.CloseCode
	}{"kicked": {kicked, closecode.Removed}, "suspended": {suspended, closecode.Removed}, "loud": {loud, closecode.BadPacket}} {
		if got := c.who.closed(); got != c.code.Number {
			t.Errorf("the feed of who is %s is closed with %d", name, got)
		}
	}
	n.drain()
	if got := drained.closed(); got != ours.Restart.Number {
		t.Errorf("a drain closes feeds with %d", got)
	}
}

// TestCallsAreAnnounced: to the members who are in the study, on whichever server they are.
func TestCallsAreAnnounced(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"here", "there"} {
		w := newWorld(t)
		here, there := w.server(), w.server()
		watching := map[string]*node{"here": here, "there": there}[name]
		watching.subscribe("kim", "") // it follows the log by now
		who := watching.as("choi")
		who.Must("presence:join-study", `{"studyId":"go"}`)
		elsewhere := watching.as("choi")
		elsewhere.Must("presence:join-study", `{"studyId":"rust"}`)
		lee := here.in("lee")
		started := who.Expect("video:started")
		lee.Must("video:leave-room", inRoom)
		ended := who.Expect("video:ended")
		var session struct {
			Session struct{ ID, StartedAt string }
		}
		must(t, json.Unmarshal(started, &session))
		want := `{"studyId":"go","session":{"id":"` + session.Session.ID + `","studyId":"go","roomId":"study-go-main","startedBy":"lee","startedAt":"` +
			session.Session.StartedAt + `","endedAt":null,"duration":null,"starter":{"id":"lee","name":"이영희","avatar":null}}}`
		if string(started) != want {
			t.Errorf("%s: got  %s\nwant %s", name, started, want)
		}
		if want := `{"studyId":"go","sessionId":"` + session.Session.ID + `"}`; string(ended) != want {
			t.Errorf("%s: got  %s\nwant %s", name, ended, want)
		}
		for _, told := range elsewhere.Told() {
			if strings.HasPrefix(told.Name, "video:") {
				t.Errorf("%s: somebody in another study is told %s", name, told.Name)
			}
		}
	}
}
