package realtime

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/websocket"
)

// link is what a transport does for a client. None of it blocks; it may be called concurrently.
type link interface {
	send(m *message)
	close(code websocket.CloseCode)
}

// answer answers a message that asked for an ack; nil for one that did not. It may be called from any goroutine, once.
type answer func(data json.RawMessage)

// client is one socket of somebody who is known.
type client struct {
	id       string
	user     membership.User
	asPeer   peerHead // what others are told that it is
	language domain.Language
	link     link

	// limits is the connection's own goroutine's.
	limits *limits

	mu      sync.Mutex
	rooms   map[string]*room    // by id
	roomsIn []*room             // the same; replaced, never changed
	studies map[string]struct{} // of which it is told who is there
}

func newClient(id string, user membership.User, language domain.Language, l link, limits *limits) *client {
	return &client{
		id: id, user: user, asPeer: headOf(peer{id, user.ID}), language: language, link: l, limits: limits,
		rooms: map[string]*room{}, studies: map[string]struct{}{},
	}
}

func (c *client) send(m *message) { c.link.send(m) }

// room is the room of that id, nil if the client is not in it.
func (c *client) room(id string) *room {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rooms[id]
}

// in are the rooms that the client is in.
func (c *client) in() []*room {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roomsIn
}

// enter notes that the client is in a room, and leave that it is not.
func (c *client) enter(r *room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rooms[r.id] = r
	c.roomsIn = slices.Collect(maps.Values(c.rooms))
}

func (c *client) leave(r *room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.rooms, r.id)
	c.roomsIn = slices.Collect(maps.Values(c.rooms))
}

// attends are the studies of which the client is told who is there.
func (c *client) attends() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	studies := make([]string, 0, len(c.studies))
	for id := range c.studies {
		studies = append(studies, id)
	}
	return studies
}
