package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// connectedMember is a member with a socket in the room, an event feed, and REST requests.
type connectedMember struct {
	user   string
	socket *realtimetest.Client
	feed   chan int // the close code of the feed
	kicked time.Time

	room, events, rest time.Duration // the time from the kick to the end of access; 0: still open
}

// enter connects a member. The feed is refused with 503 until the server follows the log.
func enter(t *testing.T, address, user string) *connectedMember {
	t.Helper()
	header := http.Header{auth.DevHeader: {user}}
	in := &connectedMember{user: user, feed: make(chan int, 1)}
	in.socket = realtimetest.Connect(t, address, realtimetest.Options{Header: header})
	in.socket.Must("video:join-room", `{"studyId":"study-123","roomId":"study-study-123-main"}`)
	check.Eventually(t, "the feed of "+user+" opens", func() bool {
		conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(address, "http", "ws", 1)+eventsPath, header)
		if response != nil {
			_ = response.Body.Close()
		}
		if err != nil {
			return false
		}
		t.Cleanup(func() { _ = conn.Close() })
		go func() {
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					code := 0
					if closed, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // gorilla does not wrap it
						code = closed.Code
					}
					in.feed <- code
					return
				}
			}
		}()
		return true
	})
	return in
}

// update notes which connections have been closed, and reports whether all are.
func (in *connectedMember) update(t *testing.T, client *http.Client, address string) bool {
	t.Helper()
	since := time.Since(in.kicked)
	for _, message := range in.socket.Received() {
		if message.Name == "error" && strings.Contains(string(message.Data), "NOT_STUDY_MEMBER") {
			in.room = since
		}
	}
	select {
	case code := <-in.feed:
		if in.events = since; code != 4503 {
			t.Errorf("the feed of %s is closed with %d", in.user, code)
		}
	default:
	}
	if in.room == 0 || in.events == 0 {
		return false
	}
	if in.rest == 0 { // last, because its answer is cached for the others
		got := get(t, client, address+statusURL, auth.DevHeader, in.user)
		if got.Status == http.StatusForbidden {
			in.rest = time.Since(in.kicked)
		}
	}
	return in.rest > 0
}

// A kick ends all access within the cache time, at any time between two rechecks, and also while the service's own database
// hangs, because memberships are in the web app's.
func TestAKickEndsAllAccess(t *testing.T) {
	t.Parallel()
	skipInShort(t, "7 s")
	const (
		cacheTime = 1500 * time.Millisecond
		people    = 11
	)
	registry := webRegistry(t)
	address, client := serveInProcess(t, t.Output(), nil, append(registry.args, "--membership-cache="+cacheTime.String())...), newClient(t)
	all := make([]*connectedMember, people)
	for i := range all {
		user := fmt.Sprint("user-", i)
		registry.account(user, "ACTIVE")
		registry.place(user, "MEMBER", "ACTIVE")
		all[i] = enter(t, address, user)
	}
	ownURL := strings.TrimPrefix(registry.args[0], "--database-url=")
	own, err := postgres.Connect(t.Context(), ownURL, postgres.WithMaxConns(1))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()

	kick := func(kicked []*connectedMember) {
		t.Helper()
		// Three steps follow a kick: the server's recheck, its message, and the test's check. control is the longest duration of one
		// step on this machine: the loop measures it with a query like the server's.
		var control time.Duration
		lastTurn := time.Now()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		next, open := 0, len(kicked)
		for began := time.Now(); open > 0; <-tick.C {
			// One kick after the other, spread over two recheck intervals
			if next < len(kicked) && time.Since(began) >= time.Duration(next)*2*recheck/time.Duration(len(kicked)) {
				in := kicked[next]
				in.kicked = time.Now()
				registry.place(in.user, "MEMBER", "KICKED")
				next++
			}
			open = len(kicked) - next
			registry.exec(`select from "StudyMember" where "userId" = $1`, kicked[0].user)
			for _, in := range kicked[:next] {
				if !in.update(t, client, address) {
					open++
				}
			}
			control, lastTurn = max(control, time.Since(lastTurn)), time.Now()
			if time.Since(began) > callPatience {
				t.Fatal("some access remains")
			}
		}
		for _, in := range kicked {
			t.Logf("%s: room %v, events %v, REST %v", in.user, in.room, in.events, in.rest)
			if max(in.room, in.events, in.rest) > cacheTime+3*control {
				t.Errorf("%s had access for too long, with up to %v per step: room %v, events %v, REST %v", in.user, control, in.room, in.events, in.rest)
			}
		}
	}
	kick(all[:8])

	// The service's own database hangs: queries of connections wait for the lock
	tx, err := own.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `lock table connections, servers in access exclusive mode`); err != nil {
		t.Fatal(err)
	}
	waiting := func() (n int) {
		t.Helper()
		if err := tx.QueryRow(t.Context(), `select count(*) from pg_locks where not granted and relation = 'connections'::regclass`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	check.Eventually(t, "a query waits for the lock", func() bool { return waiting() > 0 })
	kick(all[8:])
	if waiting() == 0 {
		t.Error("no query waits for the lock: the test proves nothing")
	}
}
