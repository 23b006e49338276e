package realtime

import (
	"maps"
	"slices"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/presence"
)

// remotePeer is a socket that another server has in the room.
type remotePeer struct {
	peerShape
	lastSeen time.Time // business time of its server's latest heartbeat
}

func remoteByID(peers []remotePeer) map[string]remotePeer {
	byID := make(map[string]remotePeer, len(peers))
	for _, p := range peers {
		byID[p.SocketID] = p
	}
	return byID
}

// hasRemote reports whether another server has the socket in this room.
func (r *room) hasRemote(socketID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, has := r.remote[socketID]
	return has
}

// remotePeers returns the sockets on other servers, sorted by id. If a socket of the same person shares on this server, they do
// not: the log knows only that the person shares. The caller holds the lock.
func (r *room) remotePeers() []peerShape {
	peers := make([]peerShape, 0, len(r.remote))
	for _, id := range slices.Sorted(maps.Keys(r.remote)) {
		shape := r.remote[id].peerShape
		if p := r.people[shape.UserID]; p != nil && p.sharer != "" {
			shape.IsSharingScreen = false
		}
		peers = append(peers, shape)
	}
	return peers
}

// refreshRemote replaces the sockets on other servers by peers. leases are all leases that other servers have in the room, read at
// readAt of the monotonic clock. It ends the shares of people who share by no socket on this server and have no lease on
// another one, whose server was killed. recordStop records the end, under the lock, at the time when the sharing socket was last seen.
func (r *room) refreshRemote(
	peers []remotePeer, leases []presence.Peer, readAt, now time.Time, recordStop func(change, time.Time),
) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.remote
	r.remote = remoteByID(peers)
	for _, m := range r.members {
		p := m.person
		if !p.toggles[domain.Sharing].on || p.sharer != "" || !m.enteredAt.Before(readAt) ||
			slices.ContainsFunc(leases, func(l presence.Peer) bool { return l.UserID == p.userID }) {
			continue
		}
		lastSeen := time.Time{}
		for _, other := range before {
			if other.UserID == p.userID && other.lastSeen.After(lastSeen) {
				lastSeen = other.lastSeen
			}
		}
		if lastSeen.IsZero() {
			lastSeen = now // the other server was killed before this one could read its lease
		}
		p.toggles[domain.Sharing].set(false)
		ch := change{member: m, field: domain.Sharing, ticket: r.nextShareTicket()}
		recordStop(ch, lastSeen)
	}
}
