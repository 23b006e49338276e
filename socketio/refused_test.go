package socketio_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/socketio"
)

// A client is closed after its fifth refused CONNECT, to any namespaces.
func TestTheFifthRefusalCloses(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{})
	conn := s.open(t)
	for i := range 5 {
		send(t, conn, []string{"40/private,", "40/nowhere,"}[i%2])
		if _, data, err := conn.ReadMessage(); err != nil || !strings.HasPrefix(string(data), "44/") {
			t.Fatalf("the answer is %s, %v", data, err)
		}
	}
	if _, data, err := conn.ReadMessage(); !gorilla.IsCloseError(err, codes.Flooding.Number) {
		t.Errorf("got %s, %v", data, err)
	}
}

// A client is closed that sends too many packets which are no events: no limit of the application counts them.
func TestPacketsThatAreNoEventsAreLimited(t *testing.T) {
	t.Parallel()
	text := func(packet string) func(*gorilla.Conn) error {
		return func(conn *gorilla.Conn) error { return conn.WriteMessage(gorilla.TextMessage, []byte(packet)) }
	}
	for name, send := range map[string]func(*gorilla.Conn) error{
		"acks":     text(`431["stray"]`),
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
			if _, data, err := conn.ReadMessage(); !gorilla.IsCloseError(err, codes.Flooding.Number) {
				t.Errorf("got %s, %v", data, err)
			}
		})
	}
}

func TestTheNumberOfPacketsInABodyIsLimited(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{})
	sid := s.join(t)
	if status, text := s.request(t, http.MethodPost, "&sid="+sid, strings.Repeat("6\x1e", 10_000)+"6"); status != http.StatusBadRequest {
		t.Errorf("status %d: %s", status, text)
	}
}
