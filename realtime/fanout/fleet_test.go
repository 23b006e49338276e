package fanout

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func load(t *testing.T, name string) Load {
	t.Helper()
	for _, l := range Loads() {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("there is no load %s", name)
	return Load{}
}

// connected is a fleet of the bare server's protocol.
func connected(t *testing.T, handler http.Handler, shape Shape) *fleet {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	f := newFleet(bare{}, shape)
	t.Cleanup(f.hangUp)
	if err := f.open(t.Context(), strings.TrimPrefix(server.URL, "http://"), shape.Peers); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEveryDeliveryOfTheBareServerIsCounted(t *testing.T) {
	t.Parallel()
	for name, perMessage := range map[string]int64{"relay": 1, "speaking": 3, "toggles": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := connected(t, Bare(), Shape{Rooms: 3, Peers: 4})
			for range 2 { // the second run goes on where the first one ended
				sent, deliveries, err := f.run(t.Context(), load(t, name), 50*time.Millisecond)
				if err != nil || sent < 2*12 || sent%4 != 0 || deliveries != sent*perMessage {
					t.Errorf("%d sent, %d deliveries: %v", sent, deliveries, err)
				}
			}
		})
	}
}

// fault is what a server does wrong with the message that has the number.
type fault func(pass func([]byte), message []byte)

// faulty is a bare server for one room of two, that does a fault to the tenth message.
func faulty(wrong fault) http.Handler {
	var conns [2]atomic.Pointer[bareConn]
	var messages atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		seat := int(r.URL.Query().Get("seat")[0] - '0')
		conns[seat].Store(&bareConn{conn: conn})
		conns[seat].Load().write([]byte(welcome))
		for {
			_, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			if other := conns[1-seat].Load().write; messages.Add(1) == 10 {
				wrong(other, message)
			} else {
				other(message)
			}
		}
	})
}

func TestWhatAServerDoesWrongIsFound(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]fault{
		"it loses a message":   func(func([]byte), []byte) {},
		"it doubles a message": func(pass func([]byte), message []byte) { pass(message); pass(message) },
		"it changes a byte": func(pass func([]byte), message []byte) {
			message[len(message)-4]++
			pass(message)
		},
		"it cuts a message": func(pass func([]byte), message []byte) { pass(message[:len(message)-1]) },
	} {
		for _, kind := range []string{"relay", "toggles"} {
			t.Run(name+" of "+kind, func(t *testing.T) {
				t.Parallel()
				f := connected(t, faulty(wrong), Shape{Rooms: 1, Peers: 2})
				f.rooms[0].patience = 200 * time.Millisecond
				_, _, err := f.run(t.Context(), load(t, kind), 300*time.Millisecond)
				if err == nil || !strings.Contains(err.Error(), "of "+kind) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}
