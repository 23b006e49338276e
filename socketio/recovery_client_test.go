package socketio_test

import (
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/socketio/nodetest"
)

// seen is what recover.mjs prints: one of its members.
type seen struct {
	Connected    string // the socket's id
	Recovered    bool
	Disconnected string // the reason
	N            int
}

// recovering is a real client, behind a proxy, and its socket on the server.
type recovering struct {
	*nodetest.Process
	proxy *proxy
	id    string
}

// next returns what the client sees next.
func (r *recovering) next(t *testing.T) seen {
	t.Helper()
	var got seen
	r.Next(&got)
	return got
}

// expect checks the arguments of the next events.
func (r *recovering) expect(t *testing.T, numbers ...int) {
	t.Helper()
	for _, want := range numbers {
		if got := r.next(t); got.N != want {
			t.Fatalf("got %+v, want event %d", got, want)
		}
	}
}

func startClient(t *testing.T, version, transports string) (*recovering, *resumable) {
	t.Helper()
	s, n := startRecovery(t, socketio.Recovery{Window: window})
	p := startProxy(t, s.address)
	r := &recovering{nodetest.Start(t, "testdata/npm", "recover.mjs", version, "http://"+p.address(), transports), p, ""}
	connected := r.next(t)
	if r.id = connected.Connected; r.id == "" || connected.Recovered {
		t.Fatalf("got %+v", connected)
	}
	return r, n
}

// versions are real clients that resume.
func versions() []string {
	if testing.Short() {
		return []string{"socket.io-client"}
	}
	return []string{"socket.io-client", "socket.io-client-4.8.1", "socket.io-client-4.6"}
}

// Given the real client, when its connection is cut several times, also before a first event, then it has the same socket afterwards,
// and what either side sent meanwhile arrives once and in order.
func TestReferenceClientResumes(t *testing.T) {
	t.Parallel()
	for _, version := range versions() {
		for choice := range transports() {
			t.Run(version+" "+choice, func(t *testing.T) {
				t.Parallel()
				r, n := startClient(t, version, choice)
				socket := check.Receive(t, n.sockets)
				got := make(chan int, 100) // events of the client
				n.event = func(*socketio.Socket, string, socketio.Args, socketio.Ack) { got <- 1 }
				for i := range 4 {
					if i > 0 {
						emit(socket, 1, 2)
						r.expect(t, 1, 2)
					}
					r.proxy.cut()
					if broken := r.next(t); broken.Disconnected == "" {
						t.Fatalf("got %+v after the cut", broken)
					}
					emit(socket, 3, 4, 5) // perhaps before the server has noticed
					check.NoError(t, r.Send(map[string]int{"emit": i}))
					r.proxy.restore()
					r.expect(t, 3, 4, 5) // the client emits what it missed, and then connect
					if back := r.next(t); back.Connected != r.id || !back.Recovered {
						t.Fatalf("came back as %+v, want %s", back, r.id)
					}
					check.Receive(t, n.suspended)
					if resumption := check.Receive(t, n.resumed); !resumption.Complete {
						t.Error("not complete")
					}
					check.Receive(t, got)
				}
				check.NoError(t, r.Send(map[string]string{"order": "disconnect"}))
				if end := check.Receive(t, n.ended); end.id != r.id || end.reason != socketio.ClientDisconnect {
					t.Errorf("disconnected with %+v", end)
				}
				if len(n.sockets)+len(n.ended)+len(got) > 0 {
					t.Error("something came twice")
				}
			})
		}
	}
}

// Given the real client on a connection that passes nothing on any more, when it comes on a new one before the server notices, then it
// has its socket, three times.
func TestReferenceClientReconnectsFromASilentConnection(t *testing.T) {
	t.Parallel()
	for _, version := range versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r, n := startClient(t, version, "websocket")
			socket := check.Receive(t, n.sockets)
			for range 3 {
				emit(socket, 1)
				r.expect(t, 1)
				r.proxy.freeze()
				emit(socket, 2, 3)
				check.NoError(t, r.Send(map[string]string{"order": "reconnect"}))
				if broken := r.next(t); broken.Disconnected == "" {
					t.Fatalf("got %+v", broken)
				}
				r.expect(t, 2, 3)
				if back := r.next(t); back.Connected != r.id || !back.Recovered {
					t.Fatalf("came back as %+v, want %s", back, r.id)
				}
				check.Receive(t, n.resumed)
			}
			if len(n.ended) > 0 {
				t.Error("disconnected")
			}
		})
	}
}

// A client from before recovery gets a new socket after a cut, as without recovery.
func TestAnOldReferenceClientReconnects(t *testing.T) {
	t.Parallel()
	r, n := startClient(t, "socket.io-client-4.5", "websocket")
	emit(check.Receive(t, n.sockets), 1)
	r.expect(t, 1)
	r.proxy.cut()
	if broken := r.next(t); broken.Disconnected == "" {
		t.Fatalf("got %+v", broken)
	}
	check.Receive(t, n.suspended)
	r.proxy.restore()
	if back := r.next(t); back.Connected == "" || back.Connected == r.id || back.Recovered {
		t.Errorf("came back as %+v", back)
	}
	emit(check.Receive(t, n.sockets), 2)
	r.expect(t, 2)
}

// A client that disconnects on purpose, and connects again, gets a new session, although it sends the old one's offset.
func TestReferenceClientSendsAnotherSessionsOffset(t *testing.T) {
	t.Parallel()
	r, n := startClient(t, "socket.io-client", "websocket")
	emit(check.Receive(t, n.sockets), 1)
	r.expect(t, 1)
	check.NoError(t, r.Send(map[string]string{"order": "disconnect"}))
	if broken := r.next(t); broken.Disconnected != "io client disconnect" {
		t.Fatalf("got %+v", broken)
	}
	check.Receive(t, n.ended)
	check.NoError(t, r.Send(map[string]string{"order": "connect"}))
	back := r.next(t)
	if back.Connected == "" || back.Connected == r.id || back.Recovered {
		t.Fatalf("came back as %+v", back)
	}
	socket := check.Receive(t, n.sockets)
	r.proxy.cut()
	r.next(t)
	check.Receive(t, n.suspended)
	emit(socket, 2)
	r.proxy.restore()
	r.expect(t, 2)
	if again := r.next(t); again.Connected != back.Connected || !again.Recovered {
		t.Errorf("came back as %+v, want %s", again, back.Connected)
	}
	if resumption := check.Receive(t, n.resumed); !resumption.Complete {
		t.Error("not complete")
	}
}
