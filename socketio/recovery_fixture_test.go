package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
)

// resumable is a recorder whose sockets can be resumed by the user that connected them: the member "user" of the auth payload.
type resumable struct {
	*recorder
	server    *socketio.Server
	sockets   chan *socketio.Socket // connected
	suspended chan ending
	resumed   chan socketio.Resumption
	find      func(key socketio.SessionKey) error
}

func newResumable() *resumable {
	return &resumable{
		recorder: newRecorder(), sockets: make(chan *socketio.Socket, 1000), suspended: make(chan ending, 1000),
		resumed: make(chan socketio.Resumption, 1000), find: func(socketio.SessionKey) error { return nil },
	}
}

func userOf(auth json.RawMessage) string {
	var payload struct{ User string }
	_ = json.Unmarshal(auth, &payload) // without a payload it is ""
	return payload.User
}

func (n *resumable) Connect(_ context.Context, s *socketio.Socket, _ *http.Request, auth json.RawMessage) error {
	s.Data = userOf(auth)
	return nil
}

func (n *resumable) Connected(s *socketio.Socket) { n.sockets <- s }

func (n *resumable) Suspended(s *socketio.Socket, reason socketio.Reason, lastAlive time.Time) {
	n.suspended <- ending{s.ID(), reason, lastAlive}
}

func (n *resumable) Find(_ context.Context, key socketio.SessionKey) error { return n.find(key) }

func (n *resumable) Resume(_ context.Context, s *socketio.Socket, _ *http.Request, auth json.RawMessage) error {
	switch user := userOf(auth); user {
	case s.Data:
		return nil
	case "banned":
		return &socketio.ConnectError{Message: "banned"}
	case "broken":
		return errors.New("the database is unavailable")
	default:
		return socketio.ErrNotResumed
	}
}

func (n *resumable) Resumed(_ *socketio.Socket, resumption socketio.Resumption) {
	n.resumed <- resumption
}

const window = time.Hour

// startRecovery starts a server whose main namespace is resumable.
func startRecovery(t *testing.T, recovery socketio.Recovery, change ...func(*socketio.Config)) (*testServer, *resumable) {
	t.Helper()
	n := newResumable()
	config := socketio.Config{Recovery: recovery}
	for _, f := range change {
		f(&config)
	}
	s := startNamespaces(t, config, "127.0.0.1:0", map[string]socketio.Namespace{"/": n, "/guests": newRecorder()})
	n.server = s.server
	return s, n
}

var connectAnswer = regexp.MustCompile(`^40\{"sid":"([\w-]{20})","pid":"([\w-]{32})"\}$`)

// connectAs connects with a payload, and returns what came before the answer, and the ids of the answer.
func connectAs(t *testing.T, conn *gorilla.Conn, payload string) (before []string, sid, pid string) {
	t.Helper()
	send(t, conn, "40"+payload)
	for {
		text := readText(t, conn)
		if ids := connectAnswer.FindStringSubmatch(text); ids != nil {
			return before, ids[1], ids[2]
		}
		before = append(before, text)
	}
}

// readText reads a message that is no ping.
func readText(t *testing.T, conn *gorilla.Conn) string {
	t.Helper()
	for {
		_, data, err := conn.ReadMessage()
		check.NoError(t, err)
		if string(data) != "2" {
			return string(data)
		}
	}
}

var kept = regexp.MustCompile(`^42\["n",(\d+),"([\w-]{11})"\]$`)

// numbers are the arguments of events "n", with the offset of the last.
func numbers(t *testing.T, texts []string) (all []string, offset string) {
	t.Helper()
	for _, text := range texts {
		parts := kept.FindStringSubmatch(text)
		if parts == nil {
			t.Fatalf("got %s", text)
		}
		all, offset = append(all, parts[1]), parts[2]
	}
	return all, offset
}

func emit(s *socketio.Socket, numbers ...int) {
	for _, n := range numbers {
		s.Emit("n", socketio.Args{JSON: raw(strconv.Itoa(n))})
	}
}

func resumeWith(pid, offset, user string) string {
	return fmt.Sprintf(`{"pid":%q,"offset":%q,"user":%q}`, pid, offset, user)
}
