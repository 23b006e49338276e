package socketio_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// Given a client that is refused again and again, then it is answered five times, whatever the namespaces, and closed.
func TestTheFifthRefusalIsTheLast(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{})
	conn := s.open(t)
	for i := range 5 {
		send(t, conn, []string{"40/private,", "40/nowhere,"}[i%2])
		if _, data, err := conn.ReadMessage(); err != nil || !strings.HasPrefix(string(data), "44/") {
			t.Fatalf("answered with %s, %v", data, err)
		}
	}
	if _, data, err := conn.ReadMessage(); !gorilla.IsCloseError(err, int(websocket.RateLimited)) {
		t.Errorf("then came %s, %v", data, err)
	}
}

// Given a client that goes on sending what is no event and asks for nothing, then it is closed: no other limit counts that.
func TestWhatNobodyAskedForIsCounted(t *testing.T) {
	t.Parallel()
	text := func(packet string) func(*gorilla.Conn) error {
		return func(conn *gorilla.Conn) error { return conn.WriteMessage(gorilla.TextMessage, []byte(packet)) }
	}
	for name, send := range map[string]func(*gorilla.Conn) error{
		"answers":  text(`431["to what?"]`),
		"refusals": text(`44{"message":"no"}`),
		"pongs":    text("3"),
		"noops":    text("6"),
		"control pings": func(conn *gorilla.Conn) error {
			return conn.WriteControl(gorilla.PingMessage, nil, time.Now().Add(patience))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, socketio.Config{})
			conn := s.dial(t)
			go func() {
				for send(conn) == nil { // until the server hangs up
				}
			}()
			if _, data, err := conn.ReadMessage(); !gorilla.IsCloseError(err, int(websocket.RateLimited)) {
				t.Errorf("then came %s, %v", data, err)
			}
		})
	}
}

func TestABodyHasAnEndOfPackets(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{})
	sid := s.join(t)
	if status, text := s.request(t, http.MethodPost, "&sid="+sid, strings.Repeat("6\x1e", 10_000)+"6"); status != http.StatusBadRequest {
		t.Errorf("status %d: %s", status, text)
	}
}
