package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// inside is a member with every door open: a socket in the room, a feed of events, and REST.
type inside struct {
	user   string
	socket *realtimetest.Client
	feed   chan int // the code with which the feed is closed
	kicked time.Time

	room, events, rest time.Duration // how long after the kick each door was closed; 0: it is open
}

// enter opens a member's doors. A feed is refused with 503 until the server follows the log.
func enter(t *testing.T, address, user string) *inside {
	t.Helper()
	header := http.Header{auth.DevHeader: {user}}
	in := &inside{user: user, feed: make(chan int, 1)}
	in.socket = realtimetest.Connect(t, address, realtimetest.Options{Header: header})
	in.socket.Must("video:join-room", `{"studyId":"study-123","roomId":"study-study-123-main"}`)
	eventually(t, callPatience, "the feed of "+user+" opens", func() bool {
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
					if closed, is := err.(*websocket.CloseError); is { //nolint:errorlint // gorilla returns it bare
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

// recheck notes which doors are closed by now, and reports whether all are.
func (in *inside) look(t *testing.T, client *http.Client, address string) bool {
	t.Helper()
	since := time.Since(in.kicked)
	for _, told := range in.socket.Told() {
		if told.Name == "error" && strings.Contains(string(told.Data), "NOT_STUDY_MEMBER") {
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
	if in.rest == 0 { // asked last: its answer is one that the others share
		got := get(t, client, address+statusURL, auth.DevHeader, in.user)
		if got.Status == http.StatusForbidden {
			in.rest = time.Since(in.kicked)
		}
	}
	return in.rest > 0
}

// TestAKickClosesEveryDoor within the cache time, in real time, whenever it comes between two looks; and also while our own
// database hangs, which has no say in it.
func TestAKickClosesEveryDoor(t *testing.T) {
	t.Parallel()
	const (
		remembered = 1500 * time.Millisecond
		people     = 11
	)
	registry := webRegistry(t)
	address, client := serveHere(t, t.Output(), nil, append(registry.args, "--membership-cache="+remembered.String())...), newClient(t)
	all := make([]*inside, people)
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

	check := func(kicked []*inside) {
		t.Helper()
		// A kick takes three steps to be seen here: the server's recheck, what it sends, and ours. How long one takes on this machine,
		// with what it has to do besides, turns of the loop tell, in each of which there is a query such as the server's.
		var control time.Duration
		turned := time.Now()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		next, open := 0, len(kicked)
		for began := time.Now(); open > 0; <-tick.C {
			// One after the other, over the time of two looks
			if next < len(kicked) && time.Since(began) >= time.Duration(next)*2*recheck/time.Duration(len(kicked)) {
				in := kicked[next]
				in.kicked = time.Now()
				registry.place(in.user, "MEMBER", "KICKED")
				next++
			}
			open = len(kicked) - next
			registry.exec(`select from "StudyMember" where "userId" = $1`, kicked[0].user)
			for _, in := range kicked[:next] {
				if !in.look(t, client, address) {
					open++
				}
			}
			control, turned = max(control, time.Since(turned)), time.Now()
			if time.Since(began) > callPatience {
				t.Fatal("some doors stay open")
			}
		}
		for _, in := range kicked {
			t.Logf("%s: room %v, events %v, REST %v", in.user, in.room, in.events, in.rest)
			if max(in.room, in.events, in.rest) > remembered+3*control {
				t.Errorf("%s was in for too long, where a step takes up to %v: room %v, events %v, REST %v", in.user, control, in.room, in.events, in.rest)
			}
		}
	}
	check(all[:8])

	// When our own database hangs: whoever asks it about sockets waits for the lock
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
	eventually(t, callPatience, "somebody waits for the lock", func() bool { return waiting() > 0 })
	check(all[8:])
	if waiting() == 0 {
		t.Error("nobody waits for the lock: this shows nothing")
	}
}
