package fanout

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
)

// connected opens a fleet that speaks the protocol of the bare server.
func connected(t *testing.T, handler http.Handler, shape Shape) *fleet {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	f := newFleet(bare{}, shape)
	t.Cleanup(f.close)
	check.NoError(t, f.open(t.Context(), strings.TrimPrefix(server.URL, "http://"), shape.Peers))
	return f
}

func TestDeliveriesAreCounted(t *testing.T) {
	t.Parallel()
	perMessage := map[string]int64{"relay": 1, "speaking": 3, "toggles": 3}
	for _, l := range Loads() {
		t.Run(fmt.Sprint(l.Name, l.Burst), func(t *testing.T) {
			t.Parallel()
			f, turn := connected(t, Bare(), Shape{Rooms: 3, Peers: 4}), int64(4*l.Burst)
			for range 2 { // the second run continues the numbers of the first
				sent, deliveries, err := f.run(t.Context(), l, 50*time.Millisecond)
				if err != nil || sent < 3*turn || sent%turn != 0 || deliveries != sent*perMessage[l.Name] {
					t.Errorf("%d sent, %d deliveries: %v", sent, deliveries, err)
				}
			}
		})
	}
}

// fault is what a faulty server does instead of passing a message on. next reads the sender's next message, which is empty once the
// connection is closed.
type fault func(pass func([]byte), message []byte, next func() []byte)

// faulty is a bare server for one room of two, with a fault at message 10 of the first seat: in bursts of 4, the second message of the
// third burst.
func faulty(wrong fault) http.Handler {
	var conns [2]atomic.Pointer[bareConn]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		seat := int(r.URL.Query().Get("seat")[0] - '0')
		conns[seat].Store(&bareConn{conn: conn})
		conns[seat].Load().write([]byte(welcome))
		next := func() []byte {
			_, message, _ := conn.ReadMessage() // empty when the connection is closed
			return message
		}
		for number := 1; ; number++ {
			message := next()
			if len(message) == 0 {
				return
			}
			if other := conns[1-seat].Load().write; seat == 0 && number == 10 {
				wrong(other, message, next)
			} else {
				other(message)
			}
		}
	})
}

func TestFaultsOfAServerAreFound(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]fault{
		"a lost message":      func(func([]byte), []byte, func() []byte) {},
		"a duplicate message": func(pass func([]byte), message []byte, _ func() []byte) { pass(message); pass(message) },
		"a changed byte": func(pass func([]byte), message []byte, _ func() []byte) {
			message[len(message)-4]++
			pass(message)
		},
		"a cut message": func(pass func([]byte), message []byte, _ func() []byte) { pass(message[:len(message)-1]) },
		"swapped messages": func(pass func([]byte), message []byte, next func() []byte) {
			pass(next()) // in bursts of one there is none, and the turn never ends
			pass(message)
		},
	} {
		for _, l := range Loads() {
			t.Run(fmt.Sprintf("%s of %s in bursts of %d", name, l.Name, l.Burst), func(t *testing.T) {
				t.Parallel()
				f := connected(t, faulty(wrong), Shape{Rooms: 1, Peers: 2})
				f.rooms[0].patience = 200 * time.Millisecond
				var err error
				for turns := 0; turns < 10 && err == nil; turns++ { // each run makes at least one turn
					_, _, err = f.run(t.Context(), l, 300*time.Millisecond)
				}
				if err == nil || !strings.Contains(err.Error(), "of "+l.Name) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}
