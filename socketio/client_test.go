package socketio_test

import (
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/socketio/nodetest"
	"github.com/studycall/studycall/websocket"
)

// line is what client.mjs prints.
type line struct {
	Transport, Reason                     string
	Attempt, Connected, Reconnected, Done bool
}

// transports are choices of a client, with the transport that it ends on. "default" is io(url): polling, then an upgrade.
func transports() map[string]string {
	if testing.Short() {
		return map[string]string{"default": "websocket"}
	}
	return map[string]string{"websocket": "websocket", "polling": "polling", "default": "websocket", "websocket,polling": "websocket"}
}

// The real client connects with auth, sends a hundred messages, gets and sends acks with Korean, emoji, null, 20 KB and binary
// arguments, is refused, which it does not retry, and is disconnected by the server.
func TestReferenceClient(t *testing.T) {
	t.Parallel()
	for choice, ends := range transports() {
		t.Run(choice, func(t *testing.T) {
			t.Parallel()
			s := start(t, socketio.Config{})
			client := nodetest.Start(t, "testdata/npm", "client.mjs", "flow", "http://"+s.address, choice)
			for {
				var got line
				client.Next(&got)
				switch {
				case got.Attempt:
					t.Error("the client reconnected")
				case got.Transport != "" && got.Transport != ends:
					t.Errorf("the client ended on %s", got.Transport)
				}
				if got.Done {
					break
				}
			}
			if end := check.Receive(t, s.main.ended); end.reason != socketio.ClientDisconnect {
				t.Errorf("the main socket ended by %v", end.reason)
			}
			if end := check.Receive(t, s.guests.ended); end.reason != socketio.ServerDisconnect {
				t.Errorf("the guest ended by %v", end.reason)
			}
			s.stop(websocket.Restart)
			want := `{"userId":"user-456","token":"비밀 😀"}`
			for name, auths := range map[string][]string{"/": s.main.auths, "/private": s.private.auths} {
				if len(auths) != 1 || auths[0] != want {
					t.Errorf("%s got the auth payloads %q", name, auths)
				}
			}
			if len(s.main.ended)+len(s.private.ended)+len(s.guests.ended) > 0 {
				t.Error("Disconnected was called too often")
			}
		})
	}
}

// When the server restarts, the real client reconnects by itself.
func TestReferenceClientReconnects(t *testing.T) {
	t.Parallel()
	for choice := range transports() {
		t.Run(choice, func(t *testing.T) {
			t.Parallel()
			s := start(t, socketio.Config{})
			client := nodetest.Start(t, "testdata/npm", "client.mjs", "reconnect", "http://"+s.address, choice)
			var got line
			if client.Next(&got); !got.Connected {
				t.Fatalf("got %+v", got)
			}
			s.stop(websocket.Restart)
			if end := check.Receive(t, s.main.ended); end.reason != socketio.ServerClose {
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
			if end := check.Receive(t, again.main.ended); end.reason != socketio.ClientDisconnect {
				t.Errorf("the new socket ended by %v", end.reason)
			}
		})
	}
}
