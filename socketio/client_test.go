package socketio_test

import (
	"testing"

	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/socketio/nodetest"
	"github.com/studycall/studycall/websocket"
)

// line is what client.mjs prints.
type line struct {
	Transport, Reason                     string
	Attempt, Connected, Reconnected, Done bool
}

// transports are what a web app may choose; "default" is a plain io(url): polling, then an upgrade.
var transports = map[string]string{
	"websocket": "websocket", "polling": "polling", "default": "websocket", "websocket,polling": "websocket",
}

// With the real client: connect with auth, a hundred messages in order, acks both ways with Korean, emoji, null, 20 KB
// and binary, a refusal that is not retried, and being put out.
func TestRealClient(t *testing.T) {
	t.Parallel()
	for choice, ends := range transports {
		t.Run(choice, func(t *testing.T) {
			t.Parallel()
			s := start(t, socketio.Config{})
			client := nodetest.Start(t, "testdata/npm", "client.mjs", "flow", "http://"+s.address, choice)
			for {
				var got line
				client.Next(&got)
				switch {
				case got.Attempt:
					t.Error("the client had to reconnect")
				case got.Transport != "" && got.Transport != ends:
					t.Errorf("it ended on %s", got.Transport)
				}
				if got.Done {
					break
				}
			}
			if end := wait(t, s.main.ended); end.reason != socketio.ClientDisconnect {
				t.Errorf("the main socket ended by %v", end.reason)
			}
			if end := wait(t, s.guests.ended); end.reason != socketio.ServerDisconnect {
				t.Errorf("the guest ended by %v", end.reason)
			}
			s.stop(websocket.Restart)
			want := `{"userId":"user-456","token":"비밀 😀"}`
			for name, auths := range map[string][]string{"/": s.main.auths, "/private": s.private.auths} {
				if len(auths) != 1 || auths[0] != want {
					t.Errorf("%s was asked %q", name, auths)
				}
			}
			if len(s.main.ended)+len(s.private.ended)+len(s.guests.ended) > 0 {
				t.Error("a socket ended twice, or one that never was")
			}
		})
	}
}

// Given a client in a call, when the server restarts, then the client comes back by itself.
func TestRealClientReconnects(t *testing.T) {
	t.Parallel()
	for choice := range transports {
		t.Run(choice, func(t *testing.T) {
			t.Parallel()
			s := start(t, socketio.Config{})
			client := nodetest.Start(t, "testdata/npm", "client.mjs", "reconnect", "http://"+s.address, choice)
			var got line
			if client.Next(&got); !got.Connected {
				t.Fatalf("got %+v", got)
			}
			s.stop(websocket.Restart)
			if end := wait(t, s.main.ended); end.reason != socketio.ServerClose {
				t.Errorf("the socket ended by %v", end.reason)
			}
			again := startAt(t, socketio.Config{}, s.address)
			for !got.Done {
				got = line{}
				client.Next(&got)
				if got.Reason != "" && got.Reason != "transport close" && got.Reason != "transport error" {
					t.Errorf("the client was disconnected by %s", got.Reason)
				}
			}
			if end := wait(t, again.main.ended); end.reason != socketio.ClientDisconnect {
				t.Errorf("the new socket ended by %v", end.reason)
			}
		})
	}
}
