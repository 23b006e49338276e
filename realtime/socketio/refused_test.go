package socketio_test

import (
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/realtime/socketio"
	"github.com/studycall/studycall/realtime/websocket"
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
