package fanout

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/gorilla/websocket"
)

// The first byte of a message to the bare server.
const (
	toOthers = '*' // copy to all other members of the room
	toFirst  = '+' // this and the bytes after it: copy to the member with seat 0, 1, 2 …
)

// Bare returns the bare server. It copies messages between the members of a room and reads only their first byte. The goroutine that
// reads a message writes the copies, without a queue, a timeout or a limit. No server can do with less CPU time.
func Bare() http.Handler {
	b := &bareServer{rooms: map[string]*bareRoom{}}
	return http.HandlerFunc(b.serve)
}

type bareServer struct {
	mu    sync.Mutex
	rooms map[string]*bareRoom
}

type bareRoom struct {
	mu    sync.RWMutex
	seats map[int]*bareConn
}

type bareConn struct {
	mu   sync.Mutex
	conn *websocket.Conn
}

func (b *bareServer) serve(w http.ResponseWriter, r *http.Request) {
	seat, err := strconv.Atoi(r.URL.Query().Get("seat"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	c := &bareConn{conn: conn}
	room := b.enter(r.URL.Query().Get("room"), seat, c)
	c.write([]byte(welcome))
	for {
		_, message, err := conn.ReadMessage()
		if err != nil || len(message) == 0 {
			return
		}
		room.relay(message, c)
	}
}

func (b *bareServer) enter(id string, seat int, c *bareConn) *bareRoom {
	b.mu.Lock()
	defer b.mu.Unlock()
	room := b.rooms[id]
	if room == nil {
		room = &bareRoom{seats: map[int]*bareConn{}}
		b.rooms[id] = room
	}
	room.mu.Lock()
	defer room.mu.Unlock()
	room.seats[seat] = c
	return room
}

func (r *bareRoom) relay(message []byte, from *bareConn) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if message[0] != toOthers {
		if c := r.seats[int(message[0]-toFirst)]; c != nil {
			c.write(message)
		}
		return
	}
	for _, c := range r.seats {
		if c != from {
			c.write(message)
		}
	}
}

// write ignores errors: the clients notice lost messages.
func (c *bareConn) write(message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.WriteMessage(websocket.TextMessage, message)
}

// welcome is the bare server's first message to a client.
const welcome = "welcome"

// bare is the protocol of the bare server: clients send the deliveries themselves, except for the first byte.
type bare struct{}

func (bare) path(r *room, seat int) string { return fmt.Sprintf("/?room=%d&seat=%d", r.number, seat) }

func (bare) connect(p *peer, seat int) error {
	p.id = fmt.Sprintf("%020d", seat) // as long as the program's ids
	_, err := p.await(welcome)
	return err
}

func (bare) join(*peer, *room) error  { return nil } // connect joins
func (bare) leave(*peer, *room) error { return nil }

func (bare) appendMessage(text []byte, l Load, r *room, sender, receiver int, content string, _ bool) []byte {
	start := len(text)
	text = l.appendDelivery(text, r.peers[sender], content)
	text[start] = toOthers
	if l.relayed() {
		text[start] = toFirst + byte(receiver) //nolint:gosec // less than MaxPeers
	}
	return text
}

func (bare) acks() bool { return false }
