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

	rooms   set[*room]
	lobbies set[string] // the studies whose lobbies the client is in
}

func newClient(id string, user membership.User, language domain.Language, l link, limits *limits) *client {
	return &client{
		id: id, user: user, asPeer: headOf(peer{id, user.ID}), language: language, link: l, limits: limits,
	}
}

func (c *client) send(m *message) { c.link.send(m) }

// room returns the room with the id; nil if the client is not in it.
func (c *client) room(id string) *room {
	c.rooms.mu.Lock()
	defer c.rooms.mu.Unlock()
	for r := range c.rooms.all {
		if r.id == id {
			return r
		}
	}
	return nil
}

// set is a set that is safe for concurrent use. The zero value is empty.
type set[T comparable] struct {
	mu  sync.Mutex
	all map[T]struct{}
}

func (s *set[T]) add(element T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[T]struct{}{}
	}
	s.all[element] = struct{}{}
}

func (s *set[T]) remove(element T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, element)
}

// list returns the elements at this moment.
func (s *set[T]) list() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.all))
}
