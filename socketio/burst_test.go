package socketio_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/socketio"
)

// Given a client on polling, when thousands of small messages wait for its next poll or upgrade, then it gets all of them in order.
func TestABurstWaitsForThePoll(t *testing.T) {
	t.Parallel()
	const burst = 5000
	for name, receive := range map[string]func(t *testing.T, s *testServer, sid string) []string{
		"polling": func(t *testing.T, s *testServer, sid string) []string {
			t.Helper()
			_, body := s.request(t, http.MethodGet, sid, "")
			return strings.Split(body, "\x1e")
		},
		"upgrade": func(t *testing.T, s *testServer, sid string) []string {
			t.Helper()
			url := "ws://" + s.address + "/socket.io/?EIO=4&transport=websocket" + sid
			conn, answer, err := gorilla.DefaultDialer.DialContext(t.Context(), url, nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(patience)) // never fails
			send(t, conn, "2probe")
			if _, data, err := conn.ReadMessage(); err != nil || string(data) != "3probe" {
				t.Fatalf("the answer to the probe is %s, %v", data, err)
			}
			send(t, conn, "5")
			got := make([]string, burst)
			for i := range got {
				_, data, err := conn.ReadMessage()
				if err != nil {
					t.Fatalf("after %d messages: %v", i, err)
				}
				got[i] = string(data)
			}
			return got
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, socketio.Config{})
			s.main.event = func(socket *socketio.Socket, _ string, _ socketio.Args, _ socketio.Ack) {
				for i := range burst {
					socket.Emit("chat", socketio.Args{JSON: []json.RawMessage{strconv.AppendInt(nil, int64(i), 10)}})
				}
			}
			sid := s.join(t)
			s.request(t, http.MethodPost, sid, `42["burst"]`)
			got := receive(t, s, sid)
			if len(got) != burst {
				t.Fatalf("got %d messages: %.100q", len(got), got)
			}
			for i, text := range got {
				if want := `42["chat",` + strconv.Itoa(i) + `]`; text != want {
					t.Fatalf("message %[2]d is %[1]q", text, i)
				}
			}
		})
	}
}
