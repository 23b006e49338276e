package fanout

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/gorilla/websocket"
)

// What the first byte of a message says to the bare server.
const (
	toOthers = '*' // a copy for each of the room's others
	toFirst  = '+' // and the bytes after it: a copy for the member with that seat
)

// Bare answers as the bare server: it copies frames as they come between the members of a room, and looks at nothing but their
// first byte. It writes at once, from the goroutine that reads, with no queue, no timeout and no limit: less than any
// server can do with, and nothing that costs CPU time.
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
	room := b.room(r.URL.Query().Get("room"))
	c := &bareConn{conn: conn}
	room.enter(seat, c)
	c.write([]byte(welcome))
	for {
		_, message, err := conn.ReadMessage()
		if err != nil || len(message) == 0 {
			return
		}
		room.pass(message, c)
	}
}

func (b *bareServer) room(id string) *bareRoom {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rooms[id] == nil {
		b.rooms[id] = &bareRoom{seats: map[int]*bareConn{}}
	}
	return b.rooms[id]
}

func (r *bareRoom) enter(seat int, c *bareConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seats[seat] = c
}

func (r *bareRoom) pass(message []byte, from *bareConn) {
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

// write leaves it to the clients to find out what was lost.
func (c *bareConn) write(message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.WriteMessage(websocket.TextMessage, message)
}

// welcome tells a client that it is in its room.
const welcome = "welcome"

// bare is how clients speak to the bare server: they send what others are to be told.
type bare struct{}

func (bare) open(ctx context.Context, address string, r *room, seat int) (*peer, error) {
	p, err := dial(ctx, address, fmt.Sprintf("/?room=%d&seat=%d", r.number, seat))
	if err != nil {
		return nil, err
	}
	p.user, p.id = UserID(r.number, seat), fmt.Sprintf("%020d", seat) // as long as the program's ids
	if _, err := p.await(welcome); err != nil {
		_ = p.conn.Close()
		return nil, err
	}
	return p, nil
}

func (bare) join(*peer, *room) error  { return nil } // it is in, once open
func (bare) leave(*peer, *room) error { return nil }

func (bare) appendMessage(text []byte, l Load, r *room, sender, receiver int, content string, _ bool) []byte {
	at := len(text)
	text = l.appendTold(text, r.peers[sender], content)
	text[at] = toOthers
	if l.relayed() {
		text[at] = toFirst + byte(receiver) //nolint:gosec // less than MaxPeers
	}
	return text
}

func (bare) acks() bool { return false }
