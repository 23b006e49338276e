package realtime

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
)

// room is the live group of a study: this server's sockets in its call.
type room struct {
	id, studyID string
	elsewhere   Elsewhere

	mu      sync.Mutex
	members map[string]*member // by socket id
	people  map[string]*person // by user id; those who have a member
	order   uint64             // of the next member

	// away are the sockets that other servers have in the room, as of the latest look or join, by id.
	away map[string]awayPeer

	// lastShare is closed when the latest change of who shares is on record, or refused; nil where there was none.
	lastShare chan struct{}

	outbox outbox
}

// member is one socket in the room.
type member struct {
	client    *client
	room      *room
	person    *person
	sessionID string
	joinedAt  time.Time // of the participant's record
	since     time.Time // when the socket entered the room, by the monotonic clock
	order     uint64
}

// person is a participant, by however many sockets.
type person struct {
	userID  string
	sockets int
	muted   toggle
	off     toggle // the camera
	sharing toggle
	// sharer is the socket that shares the screen. While sharing is on and there is none, it is another server's, or was a killed
	// one's: see refreshAway.
	sharer string
}

// toggle is what the room was told, and how often it changed, so that a refusal that comes late takes back only what it
// is about; and what the record has by now, which is what it is taken back to.
type toggle struct {
	on, recorded bool
	changes      uint64
}

// recordedAs is a toggle as the record has it.
func recordedAs(on bool) toggle { return toggle{on: on, recorded: on} }

func (t *toggle) set(on bool) uint64 {
	t.on = on
	t.changes++
	return t.changes
}

// tell queues a message for every member but the one with the socket id (""; for all). The caller holds the lock, and calls
// flush when it has let it go.
func (r *room) tell(m *message, except string) {
	to := make([]*client, 0, len(r.members))
	for id, member := range r.members {
		if id != except {
			to = append(to, member.client)
		}
	}
	r.outbox.add(delivery{m, to, true})
}

// tellOnly is tell for one client.
func (r *room) tellOnly(c *client, m *message) {
	r.outbox.add(delivery{message: m, to: []*client{c}})
}

// flush sends what was told to the room, in order, without holding the lock.
func (r *room) flush() {
	r.outbox.send(&r.mu, func(d delivery) {
		d.toClients()
		if d.room {
			r.elsewhere.Tell(r.id, d.message.event, d.message.data())
		}
	})
}

// member is the one with the socket id, nil if there is none.
func (r *room) member(socketID string) *member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members[socketID]
}

// isAway reports whether another server has the socket in this room.
func (r *room) isAway(socketID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, away := r.away[socketID]
	return away
}

// entered puts a member in, and tells the others. p is what the record says of the participant.
func (r *room) entered(m *member, p domain.Participant) {
	m.room = r
	known := r.people[p.UserID]
	if known == nil {
		known = &person{
			userID: p.UserID, muted: recordedAs(p.Muted.Running()), off: recordedAs(p.CameraOff.Running()),
			sharing: recordedAs(p.Sharing.Running()),
		}
		r.people[p.UserID] = known
	}
	known.sockets++
	m.person, m.order = known, r.order
	r.order++
	r.members[m.client.id] = m
	r.tell(newMessage(eventUserJoined, userJoined{m.client.id, p.UserID, api.NewPersonWithEmail(p.UserID, m.client.user)}), m.client.id)
	// Its peers take a new socket for one with microphone and camera on: who comes back within the grace may have neither.
	if known.muted.on {
		r.tell(m.audioChanged(), m.client.id)
	}
	if known.off.on {
		r.tell(m.videoChanged(), m.client.id)
	}
}

// tellOwn tells a new member in which state it is, where that is not the one in which everybody begins: who comes back within
// the grace would else show a microphone as on that the record has as muted. The caller holds the lock.
func (r *room) tellOwn(m *member) {
	if m.person.muted.on {
		r.tellOnly(m.client, m.audioChanged())
	}
	if m.person.off.on {
		r.tellOnly(m.client, m.videoChanged())
	}
}

// left takes a member out and tells the others. The caller holds the lock.
func (r *room) left(m *member) {
	delete(r.members, m.client.id)
	m.person.sockets--
	if m.person.sockets == 0 {
		delete(r.people, m.person.userID)
	}
	r.tell(newMessage(eventUserLeft, m.peer()), m.client.id)
}

// peers are the members but the one with the socket id, in the order in which they came.
func (r *room) peers(socketID string) []peerShape {
	members := make([]*member, 0, len(r.members))
	for id, m := range r.members {
		if id != socketID {
			members = append(members, m)
		}
	}
	slices.SortFunc(members, func(a, b *member) int { return cmp.Compare(a.order, b.order) })
	shapes := make([]peerShape, 0, len(members))
	for _, m := range members {
		shapes = append(shapes, peerShape{
			SocketID: m.client.id, UserID: m.person.userID, User: api.NewPersonWithEmail(m.person.userID, m.client.user),
			IsMuted: m.person.muted.on, IsVideoOff: m.person.off.on, IsSharingScreen: m.person.sharer == m.client.id,
			JoinedAt: api.Time(m.joinedAt),
		})
	}
	return shapes
}

func (m *member) peer() peer { return peer{m.client.id, m.person.userID} }

func (m *member) audioChanged() *message {
	return peerMessage(eventAudioChanged, m.client.asPeer, "isMuted", m.person.muted.on)
}

func (m *member) videoChanged() *message {
	return peerMessage(eventVideoChanged, m.client.asPeer, "isVideoOff", m.person.off.on)
}

// tellShare tells that a socket shares its screen, or does no longer: as documented, and as the web app also listens.
func (r *room) tellShare(socketID, userID string, is bool) {
	who, event := peer{socketID, userID}, eventScreenShareStopped
	if is {
		event = eventScreenShareStarted
	}
	r.tell(newMessage(eventPeerScreenShare, screenShare{who, is}), socketID)
	r.tell(newMessage(event, who), socketID)
}
