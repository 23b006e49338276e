package realtime

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/websocket"
)

// link sends to a client over its transport. Its methods do not block, and are safe for concurrent use.
type link interface {
	send(m *message)
	close(code websocket.CloseCode)
}

// answer sends the ack of a message. It is nil if the client asked for none. It is called once, by any goroutine.
type answer func(data json.RawMessage)

// client is one socket of a known user.
type client struct {
	id       string
	user     membership.User
	asPeer   peerHead // the client in messages to its peers
	language domain.Language
	link     link

	// The goroutine of the connection alone uses these.
	limits *limits
	//nolint:containedctx // the lifetime of the connection: see Server.connected
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	rooms    map[string]*room    // by id
	roomList []*room             // the same rooms; replaced, never changed
	lobbies  map[string]struct{} // by study
}

func newClient(id string, user membership.User, language domain.Language, l link, limits *limits) *client {
	return &client{
		id: id, user: user, asPeer: headOf(peer{id, user.ID}), language: language, link: l, limits: limits,
		rooms: map[string]*room{}, lobbies: map[string]struct{}{},
	}
}

func (c *client) send(m *message) { c.link.send(m) }

// room returns the room with the id; nil if the client is not in it.
func (c *client) room(id string) *room {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rooms[id]
}

// in returns the rooms that the client is in.
func (c *client) in() []*room {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roomList
}

// enter notes that the client is in a room.
func (c *client) enter(r *room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rooms[r.id] = r
	c.roomList = slices.Collect(maps.Values(c.rooms))
}

// leave notes that the client is no longer in a room.
func (c *client) leave(r *room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.rooms, r.id)
	c.roomList = slices.Collect(maps.Values(c.rooms))
}

// inLobbies returns the studies whose lobbies the client is in.
func (c *client) inLobbies() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.lobbies))
}

// enterLobby notes that the client is in a study's lobby.
func (c *client) enterLobby(studyID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lobbies[studyID] = struct{}{}
}

// leaveLobby notes that the client is no longer in a study's lobby.
func (c *client) leaveLobby(studyID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lobbies, studyID)
}

// clients are the clients that are connected to this server.
type clients struct {
	mu  sync.Mutex
	all map[*client]struct{}
}

func newClients() *clients { return &clients{all: map[*client]struct{}{}} }

func (cs *clients) add(c *client) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.all[c] = struct{}{}
}

func (cs *clients) remove(c *client) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.all, c)
}

// list returns the clients at this moment.
func (cs *clients) list() []*client {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return slices.Collect(maps.Keys(cs.all))
}
