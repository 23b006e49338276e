package socketio_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

func TestASocketIsResumedSeveralTimesWithItsMissedPackets(t *testing.T) {
	t.Parallel()
	s, n := startRecovery(t, socketio.Recovery{Window: window})
	started := time.Now()
	conn := s.open(t)
	_, sid, pid := connectAs(t, conn, `{"user":"kim"}`)
	socket := check.Receive(t, n.sockets)
	for range 3 { // each resumption can be followed by another
		emit(socket, 1)
		_, offset := numbers(t, []string{readText(t, conn)})
		check.NoError(t, conn.UnderlyingConn().Close())
		if end := check.Receive(t, n.suspended); end.id != sid || end.reason != socketio.TransportClose || end.lastAlive.Before(started) {
			t.Errorf("suspended with %+v", end)
		}
		emit(socket, 2)
		socket.Send(socketio.EncodeEvent("/", "volatile", socketio.Args{}))
		emit(socket, 3)
		conn = s.open(t)
		missed, againSID, againPID := connectAs(t, conn, resumeWith(pid, offset, "kim"))
		if got, _ := numbers(t, missed); strings.Join(got, " ") != "2 3" || againSID != sid || againPID != pid {
			t.Errorf("resumed %s with %v, sid %s, pid %s", sid, missed, againSID, againPID)
		}
		if resumption := check.Receive(t, n.resumed); !resumption.Complete || resumption.LastAlive.Before(started) {
			t.Errorf("resumed with %+v", resumption)
		}
		send(t, conn, `42["echo",7]`)
		if text := readText(t, conn); !strings.HasPrefix(text, `42["echo",7,"`) {
			t.Errorf("got %s after the resumption", text)
		}
	}
	send(t, conn, "41")
	if end := check.Receive(t, n.ended); end.id != sid || end.reason != socketio.ClientDisconnect {
		t.Errorf("disconnected with %+v", end)
	}
	if len(n.ended)+len(n.suspended)+len(n.sockets) > 0 {
		t.Error("more calls than events")
	}
}

// Which ends of a connection are for good, and which may be resumed.
func TestEndsThatCanBeResumed(t *testing.T) {
	t.Parallel()
	removed := websocket.CloseCode{Number: 4503, Text: "removed"}
	closeWith := func(code int, text string) func(*testing.T, *gorilla.Conn, *socketio.Socket) {
		return func(t *testing.T, conn *gorilla.Conn, _ *socketio.Socket) {
			t.Helper()
			check.NoError(t, conn.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(code, text), time.Now().Add(patience)))
		}
	}
	write := func(text string) func(*testing.T, *gorilla.Conn, *socketio.Socket) {
		return func(t *testing.T, conn *gorilla.Conn, _ *socketio.Socket) { t.Helper(); send(t, conn, text) }
	}
	server := func(code websocket.CloseCode) func(*testing.T, *gorilla.Conn, *socketio.Socket) {
		return func(_ *testing.T, _ *gorilla.Conn, s *socketio.Socket) { s.CloseTransport(code) }
	}
	for name, test := range map[string]struct {
		end     func(t *testing.T, conn *gorilla.Conn, s *socketio.Socket)
		resumed bool
	}{
		"DISCONNECT":          {write("41"), false},
		"close 1000":          {closeWith(1000, ""), false},
		"close 1000 and text": {closeWith(1000, "bye"), false},
		"close 1001":          {closeWith(1001, ""), false},
		"close 1001 and text": {closeWith(1001, "proxy restarts"), true},
		"close without code":  {closeWith(gorilla.CloseNoStatusReceived, ""), true},
		"close 1012 and text": {closeWith(1012, "restart"), true},
		"Engine.IO close":     {write("1"), true},
		"broken": {func(_ *testing.T, conn *gorilla.Conn, _ *socketio.Socket) {
			_ = conn.UnderlyingConn().Close()
		}, true},
		"not a packet":             {write("4invalid"), false},
		"Socket.Disconnect":        {func(_ *testing.T, _ *gorilla.Conn, s *socketio.Socket) { s.Disconnect() }, false},
		"a code of the library":    {server(websocket.Internal), true},
		"a restart":                {server(websocket.Restart), true},
		"normal":                   {server(websocket.Normal), false},
		"too slow":                 {server(codes.TooSlow), true},
		"a code of the user":       {server(websocket.CloseCode{Number: 4002, Text: "limit"}), true},
		"a final code of the user": {server(removed), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, n := startRecovery(t, socketio.Recovery{
				Window: window, Final: func(code websocket.CloseCode) bool { return code.Number >= 4500 },
			})
			conn := s.open(t)
			_, sid, pid := connectAs(t, conn, "")
			socket := check.Receive(t, n.sockets)
			test.end(t, conn, socket)
			if test.resumed {
				check.Receive(t, n.suspended)
			} else {
				check.Receive(t, n.ended)
			}
			_, again, _ := connectAs(t, s.open(t), resumeWith(pid, "", ""))
			if (again == sid) != test.resumed {
				t.Errorf("%s became %s", sid, again)
			}
		})
	}
}

func TestAPingTimeoutCanBeResumed(t *testing.T) {
	t.Parallel()
	s, n := startRecovery(t, socketio.Recovery{Window: window}, func(c *socketio.Config) {
		c.PingInterval, c.PingTimeout = 200*time.Millisecond, 200*time.Millisecond
	})
	connectAs(t, s.open(t), "")
	joined := time.Now()
	if end := check.Receive(t, n.suspended); end.reason != socketio.PingTimeout || end.lastAlive.After(joined) {
		t.Errorf("suspended with %+v", end)
	}
}

// Given packets before and after a ping, when the client has answered the ping, then the former are not sent again.
func TestAPongConfirmsThePacketsBeforeItsPing(t *testing.T) {
	t.Parallel()
	s, n := startRecovery(t, socketio.Recovery{Window: window}, func(c *socketio.Config) {
		c.PingInterval, c.PingTimeout = 300*time.Millisecond, patience
	})
	for name, answer := range map[string]bool{"answered": true, "not answered": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := s.open(t)
			_, _, pid := connectAs(t, conn, "")
			socket := check.Receive(t, n.sockets)
			emit(socket, 1, 2)
			for {
				_, data, err := conn.ReadMessage()
				check.NoError(t, err)
				if string(data) == "2" {
					break
				}
			}
			emit(socket, 3)
			if answer {
				send(t, conn, "3")
				send(t, conn, `421["ack"]`) // its ack shows that the pong was handled
				for !strings.HasPrefix(readText(t, conn), "431") {
				}
			}
			check.NoError(t, conn.UnderlyingConn().Close())
			check.Eventually(t, "the session is resumed without an offset", func() bool {
				missed, _, _ := connectAs(t, s.open(t), resumeWith(pid, "", ""))
				got, _ := numbers(t, missed)
				want := "1 2 3"
				if answer {
					want = "3"
				}
				if strings.Join(got, " ") != want {
					t.Fatalf("missed %v, want %s", got, want)
				}
				return true
			})
			if resumption := check.Receive(t, n.resumed); !answer && !resumption.Complete {
				t.Error("not complete")
			}
		})
	}
}

// Given more packets than are kept, when the client resumes, then it gets the last ones, and the resumption is not complete.
func TestTheNumberOfKeptPacketsIsBounded(t *testing.T) {
	t.Parallel()
	s, n := startRecovery(t, socketio.Recovery{Window: window})
	conn := s.open(t)
	_, _, pid := connectAs(t, conn, "")
	socket := check.Receive(t, n.sockets)
	check.NoError(t, conn.UnderlyingConn().Close())
	check.Receive(t, n.suspended)
	for i := range 3000 {
		emit(socket, i)
	}
	missed, _, _ := connectAs(t, s.open(t), resumeWith(pid, "", "")) // 1,024 frames fit into a queue of 1,024, with CONNECT
	got, _ := numbers(t, missed)
	if len(got) != 1024 || got[0] != "1976" || got[1023] != "2999" {
		t.Errorf("missed %d packets, %v to %v", len(got), got[0], got[len(got)-1])
	}
	if resumption := check.Receive(t, n.resumed); resumption.Complete {
		t.Error("complete")
	}
}

// Given a client whose connection still stands, when it resumes on another one, then the old connection gets DISCONNECT, its handler
// is awaited, and its end changes nothing.
func TestANewConnectionTakesTheSocketOver(t *testing.T) {
	t.Parallel()
	s, n := startRecovery(t, socketio.Recovery{Window: window})
	entered, release := make(chan struct{}), make(chan struct{})
	var handling atomic.Bool
	n.event = func(*socketio.Socket, string, socketio.Args, socketio.Ack) {
		handling.Store(true)
		close(entered)
		<-release
		handling.Store(false)
	}
	old := s.open(t)
	_, sid, pid := connectAs(t, old, "")
	send(t, old, `42["slow"]`)
	check.Receive(t, entered)
	conn := s.open(t)
	send(t, conn, "40"+resumeWith(pid, "", ""))
	select {
	case <-n.resumed:
		t.Error("resumed while the old connection's handler ran")
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	check.Receive(t, n.resumed)
	if handling.Load() {
		t.Error("resumed before the handler returned")
	}
	if text := readText(t, conn); !strings.Contains(text, sid) {
		t.Errorf("got %s", text)
	}
	if text := readText(t, old); text != "41" {
		t.Errorf("the old connection got %s", text)
	}
	send(t, old, `42["echo",1]`) // has crossed with the DISCONNECT
	check.NoError(t, old.Close())
	for range 3 { // and again
		newer := s.open(t)
		if _, again, _ := connectAs(t, newer, resumeWith(pid, "", "")); again != sid {
			t.Errorf("became %s", again)
		}
		if text := readText(t, conn); text != "41" {
			t.Errorf("the old connection got %s", text)
		}
		conn = newer
	}
	send(t, conn, `42["echo",2]`)
	if text := readText(t, conn); !strings.HasPrefix(text, `42["echo",2,`) {
		t.Errorf("got %s", text)
	}
	if len(n.ended) > 0 {
		t.Error("disconnected")
	}
}

// When several connections resume a session at the same time, exactly one has it afterwards.
func TestConcurrentResumptions(t *testing.T) {
	t.Parallel()
	s, n := startRecovery(t, socketio.Recovery{Window: window})
	conn := s.open(t)
	_, sid, pid := connectAs(t, conn, "")
	socket := check.Receive(t, n.sockets)
	check.NoError(t, conn.UnderlyingConn().Close())
	check.Receive(t, n.suspended)
	const clients = 8
	got := make(chan string, 10*clients)
	for range clients {
		conn := s.open(t)
		go func() {
			_ = conn.WriteMessage(gorilla.TextMessage, []byte("40"+resumeWith(pid, "", "")))
			for {
				_, data, err := conn.ReadMessage()
				if err != nil {
					return
				}
				got <- string(data)
			}
		}()
	}
	for has, resumed := 0, 0; resumed < clients || has > 1; {
		switch text := check.Receive(t, got); {
		case strings.Contains(text, sid):
			has++
			resumed++
		case text == "41":
			has--
		default:
			t.Fatalf("got %s", text)
		}
	}
	emit(socket, 1)
	if text := check.Receive(t, got); !strings.HasPrefix(text, `42["n",1,`) {
		t.Errorf("got %s", text)
	}
}

// A pid gives nothing to another user.
func TestResumptionsAreAuthorised(t *testing.T) {
	t.Parallel()
	s, n := startRecovery(t, socketio.Recovery{Window: window})
	conn := s.open(t)
	_, sid, pid := connectAs(t, conn, `{"user":"kim"}`)
	check.Receive(t, n.sockets)
	for payload, want := range map[string]string{
		resumeWith(pid, "", "lee"):                         "40{",
		resumeWith(pid, "", "banned"):                      `44{"message":"banned"}`,
		resumeWith(pid, "", "broken"):                      `44{"message":"server error"}`,
		resumeWith("unknown", "", "kim"):                   "40{",
		`{"pid":7,"offset":{},"user":"kim"}`:               "40{",
		`{"pid":null,"user":"kim"}`:                        "40{",
		`{"pid":"` + pid + `","pid":"","user":"kim"}`:      "40{",
		`{"pid":"` + strings.Repeat("x", 100_000) + `"}`:   "40{",
		`{"pid":"","offset":"` + pid + `","user":"kim"}`:   "40{",
		`{"offset":"` + pid + `","user":"kim"}`:            "40{",
		`{"pid":"` + strings.ToUpper(pid) + `","user":""}`: "40{",
	} {
		other := s.open(t)
		send(t, other, "40"+payload)
		if text := readText(t, other); !strings.HasPrefix(text, want) || strings.Contains(text, sid) || strings.Contains(text, pid) {
			t.Errorf("%.60s: got %s, want %s", payload, text, want)
		}
	}
	guest := s.open(t)
	send(t, guest, "40/guests,"+resumeWith(pid, "", "kim"))
	if text := readText(t, guest); strings.Contains(text, "pid") || strings.Contains(text, sid) {
		t.Errorf("a namespace without recovery answers %s", text)
	}
	send(t, conn, `42["echo",1]`) // nothing has touched the connection
	if text := readText(t, conn); !strings.HasPrefix(text, `42["echo",1,"`) {
		t.Errorf("got %s", text)
	}
}
