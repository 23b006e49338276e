package realtime

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/presence"
)

// room is a study's call on this server: the sockets in it, the state of their users, and what is published to them. id and
// studyID are immutable. All other fields change under the lock, and in the files room*.go alone.
type room struct {
	id, studyID string

	mu        sync.Mutex
	members   map[string]*member // by socket id
	people    map[string]*person // by user id; the users of the members
	nextOrder uint64             // of the next member

	remote    map[string]remotePeer // by socket id; see room_remote.go
	lastShare chan struct{}         // the end of the latest shareTicket; nil if there was none

	outbox outbox
}

// member is one socket in a room. Its fields are immutable.
type member struct {
	client    *client
	room      *room
	person    *person
	sessionID string
	joinedAt  time.Time // as recorded
	enteredAt time.Time // when the socket entered the room, by the monotonic clock
	order     uint64    // of entering
}

// person is a participant, with one or more sockets.
type person struct {
	userID  string
	sockets int
	toggles [3]toggle // by domain.Toggle
	// sharer is the socket that shares the screen. It is empty while another server's socket shares, and after that server was
	// killed: see refreshRemote.
	sharer string
}

// entry is what a socket brings into a room.
type entry struct {
	client      *client
	sessionID   string
	participant domain.Participant // as recorded
	remote      []remotePeer
}

// lease identifies the member's lease.
func (m *member) lease() presence.Lease {
	return presence.Lease{StudyID: m.room.studyID, UserID: m.person.userID, SocketID: m.client.id}
}

func (m *member) peer() peer { return peer{m.client.id, m.person.userID} }

// enter adds a member, publishes it to the others, and sends it the room's state. The caller holds the lock.
func (r *room) enter(e entry) {
	p := r.people[e.participant.UserID]
	if p == nil {
		p = newPerson(e.participant)
		r.people[p.userID] = p
	}
	p.sockets++
	m := &member{
		client: e.client, room: r, person: p, sessionID: e.sessionID, joinedAt: e.participant.JoinedAt,
		enteredAt: time.Now(), order: r.nextOrder,
	}
	r.nextOrder++
	r.members[m.client.id] = m
	r.remote = remoteByID(e.remote)
	r.publish(newMessage(eventUserJoined, userJoined{
		m.client.id, p.userID, api.NewPersonWithEmail(p.userID, m.client.user),
	}), m.client.id)
	r.queueState(m.client)
	// Peers and the client itself assume that a new socket has its microphone and camera on. A user who reconnects within the
	// grace time may have neither.
	for _, f := range []domain.Toggle{domain.Muted, domain.CameraOff} {
		if p.toggles[f].on {
			r.publish(m.changed(f), m.client.id)
			r.queue(m.client, m.changed(f))
		}
	}
}

// remove takes a socket out and publishes that. It returns nil if the socket is not in the room. If the socket shares its screen,
// the share ends first: a user who comes back has to pick a screen again. recordStop then records the end, under the lock, so
// that no other socket of the user can share before it. The caller holds the lock.
func (r *room) remove(c *client, recordStop func(change)) *member {
	m := r.members[c.id]
	if m == nil {
		return nil
	}
	if m.person.sharer == c.id {
		r.unshare(m.person)
		recordStop(change{member: m, field: domain.Sharing, ticket: r.nextShareTicket()})
	}
	delete(r.members, c.id)
	m.person.sockets--
	if m.person.sockets == 0 {
		delete(r.people, m.person.userID)
	}
	r.publish(newMessage(eventUserLeft, m.peer()), c.id)
	return m
}

// broadcast publishes a message to every member except the socket with the id ("": to all).
func (r *room) broadcast(m *message, except string) {
	r.mu.Lock()
	r.publish(m, except)
	r.mu.Unlock()
	r.flush()
}

// sendState sends the room's state to a member. It reports whether the client is one.
func (r *room) sendState(c *client) bool {
	r.mu.Lock()
	_, in := r.members[c.id]
	if in {
		r.queueState(c)
	}
	r.mu.Unlock()
	r.flush()
	return in
}

// client returns the member with the socket id; nil if there is none.
func (r *room) client(socketID string) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[socketID]; m != nil {
		return m.client
	}
	return nil
}

// list returns the members at this moment.
func (r *room) list() []*member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.members))
}

// sockets returns how many members a user has.
func (r *room) sockets(userID string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.people[userID]; p != nil {
		return p.sockets
	}
	return 0
}

// queueState queues the state of the room for a client: its members in the order in which they entered, then the sockets on other
// servers. The caller holds the lock.
func (r *room) queueState(c *client) {
	members := slices.SortedFunc(maps.Values(r.members), func(a, b *member) int { return cmp.Compare(a.order, b.order) })
	peers := make([]peerShape, 0, len(members)+len(r.remote))
	for _, m := range members {
		if m.client != c {
			peers = append(peers, peerShape{
				SocketID: m.client.id, UserID: m.person.userID, User: api.NewPersonWithEmail(m.person.userID, m.client.user),
				IsMuted: m.person.toggles[domain.Muted].on, IsVideoOff: m.person.toggles[domain.CameraOff].on,
				IsSharingScreen: m.person.sharer == m.client.id, JoinedAt: api.Time(m.joinedAt),
			})
		}
	}
	r.queue(c, newMessage(eventRoomState, roomState{append(peers, r.remotePeers()...)}))
}

// publish queues a message for every member except the socket with the id. The caller holds the lock, and calls flush when it has
// released it.
func (r *room) publish(m *message, except string) {
	to := make([]*client, 0, len(r.members))
	for id, member := range r.members {
		if id != except {
			to = append(to, member.client)
		}
	}
	r.outbox.add(delivery{m, to})
}

// queue is publish to one client.
func (r *room) queue(c *client, m *message) { r.outbox.add(delivery{m, []*client{c}}) }

// flush sends the queued messages in order, without holding the lock.
func (r *room) flush() { r.outbox.send(&r.mu) }

// rooms are the rooms with members. Its lock is taken before that of a room.
type rooms struct {
	mu   sync.Mutex
	byID map[string]*room
}

func newRooms() *rooms { return &rooms{byID: map[string]*room{}} }

// enter brings a client into a room, and makes the room if there is none.
func (rs *rooms) enter(id, studyID string, e entry) {
	rs.mu.Lock()
	r := rs.byID[id]
	if r == nil {
		r = &room{id: id, studyID: studyID, members: map[string]*member{}, people: map[string]*person{}}
		rs.byID[id] = r
	}
	r.mu.Lock()
	rs.mu.Unlock()
	r.enter(e)
	e.client.rooms.add(r)
	r.mu.Unlock()
	r.flush()
}

// leave takes a client out of a room. See room.remove.
func (rs *rooms) leave(c *client, r *room, recordStop func(change)) *member {
	rs.mu.Lock()
	r.mu.Lock()
	m := r.remove(c, recordStop)
	if m != nil {
		if len(r.members) == 0 && rs.byID[r.id] == r {
			delete(rs.byID, r.id)
		}
		c.rooms.remove(r)
	}
	r.mu.Unlock()
	rs.mu.Unlock()
	r.flush()
	return m
}

// sockets returns how many of a user's sockets are in a room.
func (rs *rooms) sockets(id, userID string) int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.byID[id]; r != nil {
		return r.sockets(userID)
	}
	return 0
}

// list returns the rooms at this moment.
func (rs *rooms) list() []*room {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return slices.Collect(maps.Values(rs.byID))
}
