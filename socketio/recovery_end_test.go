package socketio_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

func TestTheWindowPasses(t *testing.T) {
	t.Parallel()
	s, n := startRecovery(t, socketio.Recovery{Window: 100 * time.Millisecond})
	conn := s.open(t)
	_, sid, pid := connectAs(t, conn, "")
	check.NoError(t, conn.UnderlyingConn().Close())
	suspended := check.Receive(t, n.suspended)
	if end := check.Receive(t, n.ended); end != suspended || time.Since(end.lastAlive) < 100*time.Millisecond {
		t.Errorf("suspended with %+v, disconnected with %+v", suspended, end)
	}
	if _, again, _ := connectAs(t, s.open(t), resumeWith(pid, "", "")); again == sid {
		t.Error("resumed after the window")
	}
}

func TestASuspendedSocketIsDisconnected(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testServer, *socketio.Socket){
		"by Disconnect":   func(_ *testServer, socket *socketio.Socket) { socket.Disconnect() },
		"by a final code": func(_ *testServer, socket *socketio.Socket) { socket.CloseTransport(websocket.Normal) },
		"by Close":        func(s *testServer, _ *socketio.Socket) { s.stop(websocket.Restart) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, n := startRecovery(t, socketio.Recovery{Window: window})
			conn := s.open(t)
			connectAs(t, conn, "")
			socket := check.Receive(t, n.sockets)
			check.NoError(t, conn.UnderlyingConn().Close())
			suspended := check.Receive(t, n.suspended)
			socket.CloseTransport(websocket.Restart) // no effect
			if len(n.ended) > 0 {
				t.Error("disconnected by a code that is not final")
			}
			end(s, socket)
			if got := check.Receive(t, n.ended); got != suspended {
				t.Errorf("disconnected with %+v, want %+v", got, suspended)
			}
			emit(socket, 1) // no effect
		})
	}
}

// A pending ack fails when the connection breaks, not when the window passes.
func TestPendingAcksFailAtTheBreak(t *testing.T) {
	t.Parallel()
	s, n := startRecovery(t, socketio.Recovery{Window: window})
	conn := s.open(t)
	connectAs(t, conn, "")
	socket := check.Receive(t, n.sockets)
	failed := make(chan error, 2)
	ask := func() {
		socket.EmitWithAck("ask", socketio.Args{}, patience, func(_ socketio.Args, err error) { failed <- err })
	}
	ask()
	readText(t, conn)
	check.NoError(t, conn.UnderlyingConn().Close())
	check.Receive(t, n.suspended)
	ask() // of a suspended socket
	for range 2 {
		if err := check.Receive(t, failed); !errors.Is(err, socketio.ErrNoAck) {
			t.Errorf("got %v", err)
		}
	}
}

// A server resumes a session of another server that it adopts.
func TestAdopt(t *testing.T) {
	t.Parallel()
	first, n := startRecovery(t, socketio.Recovery{Window: window})
	_, sid, pid := connectAs(t, first.open(t), `{"user":"kim"}`)
	key, ok := check.Receive(t, n.sockets).SessionKey()
	if !ok {
		t.Fatal("the socket has no session")
	}
	s, n := startRecovery(t, socketio.Recovery{Window: window})
	adoptions := make(chan *socketio.Socket, 2)
	n.find = func(asked socketio.SessionKey) error {
		if asked != key {
			return nil
		}
		socket, adopted := n.server.Adopt("/", sid, key, "kim", time.Now())
		if !adopted {
			t.Error("not adopted")
		}
		again, adopted := n.server.Adopt("/", sid, key, "kim", time.Now())
		if again != socket || adopted {
			t.Error("adopted twice")
		}
		emit(socket, 1)
		adoptions <- socket
		return nil
	}
	if socket, adopted := n.server.Adopt("/guests", sid, key, nil, time.Now()); socket != nil || adopted {
		t.Error("adopted by a namespace without recovery")
	}
	missed, again, samePID := connectAs(t, s.open(t), resumeWith(pid, "offset-of-the-other-server", "kim"))
	if got, _ := numbers(t, missed); strings.Join(got, "") != "1" || again != sid || samePID != pid {
		t.Errorf("%s was resumed as %s with %v", sid, again, missed)
	}
	if resumption := check.Receive(t, n.resumed); !resumption.Complete {
		t.Error("not complete since the adoption")
	}
	if check.Receive(t, adoptions).Connection() == nil {
		t.Error("the adopted socket has no connection")
	}
}

func TestResumeOverPolling(t *testing.T) {
	t.Parallel()
	s, n := startRecovery(t, socketio.Recovery{Window: window})
	conn := s.open(t)
	_, sid, pid := connectAs(t, conn, "")
	socket := check.Receive(t, n.sockets)
	check.NoError(t, conn.UnderlyingConn().Close())
	check.Receive(t, n.suspended)
	emit(socket, 1, 2)
	_, text := s.request(t, http.MethodGet, "", "")
	var open struct{ SID string }
	check.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(text, "0")), &open))
	s.request(t, http.MethodPost, "&sid="+open.SID, "40"+resumeWith(pid, "", ""))
	_, text = s.request(t, http.MethodGet, "&sid="+open.SID, "")
	packets := strings.Split(text, "\x1e")
	if got, _ := numbers(t, packets[:len(packets)-1]); len(got) != 2 || !strings.Contains(packets[2], sid) {
		t.Errorf("got %q", packets)
	}
}

// Any payload of a CONNECT is answered, and resumes nothing but a session whose pid it has.
func FuzzResume(f *testing.F) {
	for _, payload := range []string{"", `{}`, `{"pid":"x"}`, `{"pid":"x","offset":"y"}`, `{"pid":1}`, `{"pid":"\u0000"}`, `{"pid":"x"`} {
		f.Add(payload)
	}
	n := newResumable()
	s := startNamespaces(f, socketio.Config{Recovery: socketio.Recovery{Window: window}}, "127.0.0.1:0", map[string]socketio.Namespace{"/": n})
	f.Fuzz(func(t *testing.T, payload string) {
		conn := s.open(t)
		send(t, conn, "40"+payload)
		_, data, err := conn.ReadMessage()
		if err == nil && !strings.HasPrefix(string(data), "40") && !strings.HasPrefix(string(data), "44") || len(n.resumed) > 0 {
			t.Errorf("%q: %s, %v", payload, data, err)
		}
	})
}
