package realtime

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/presence"
)

// awayPeer is a socket that another server has in the room.
type awayPeer struct {
	peerShape
	saidAt time.Time // when its server last said that it lives
}

// awayPeers are peers on other servers, in the state that the record has them in.
func (s *Server) awayPeers(ctx context.Context, session domain.Session, peers []presence.Peer) []awayPeer {
	if len(peers) == 0 {
		return nil
	}
	ids := make([]string, len(peers))
	for i, p := range peers {
		ids[i] = p.UserID
	}
	users, err := s.Users.Users(ctx, ids)
	s.missed(err, "the names of other servers' peers")
	away := make([]awayPeer, 0, len(peers))
	for _, peer := range peers {
		p := session.Participant(peer.UserID)
		if !p.InCall() {
			continue // about to join, or to be found gone
		}
		away = append(away, awayPeer{peerShape{
			SocketID: peer.SocketID, UserID: peer.UserID, User: api.NewPersonWithEmail(peer.UserID, users[peer.UserID]),
			IsMuted: p.Muted.Running(), IsVideoOff: p.CameraOff.Running(), IsSharingScreen: p.Sharing.Running(),
			JoinedAt: api.Time(p.JoinedAt),
		}, peer.LastSeen})
	}
	return away
}

// lookElsewhere refreshes what this server knows of the others' sockets in its rooms, and ends the shares that nobody has any
// more: those of sockets of a killed server whose user is here by another one.
func (s *Server) lookElsewhere(ctx context.Context) error {
	all := s.rooms.all()
	if len(all) == 0 {
		return nil
	}
	looked := time.Now()
	studyIDs := make([]string, len(all))
	for i, r := range all {
		studyIDs[i] = r.studyID
	}
	peers, err := s.Presence.RemotePeers(ctx, studyIDs)
	if err != nil {
		return err
	}
	byStudy := map[string][]presence.Peer{}
	for _, p := range peers {
		byStudy[p.StudyID] = append(byStudy[p.StudyID], p)
	}
	var failures []error // one room's is not the others'
	for _, r := range all {
		var away []awayPeer
		if there := byStudy[r.studyID]; len(there) > 0 {
			session, _, err := s.Calls.Open(ctx, r.studyID)
			if err != nil {
				failures = append(failures, err)
				continue
			}
			away = s.awayPeers(ctx, session, there)
		}
		for _, share := range r.refreshAway(away, byStudy[r.studyID], looked, s.Now()) {
			s.recordStop(share.member, share.turn, share.at)
		}
	}
	return errors.Join(failures...)
}

// endedShare is a share that nobody has any more, with one of the sockets that its user has here.
type endedShare struct {
	member *member
	turn   shareTurn
	at     time.Time // when the sharer was last heard of
}

// refreshAway takes what is known by now of the sockets of other servers, as of a look that began at a moment of the monotonic
// clock. It ends the shares of people who share by none of their sockets here and have none elsewhere.
func (r *room) refreshAway(away []awayPeer, leases []presence.Peer, looked, now time.Time) []endedShare {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.away
	r.setAway(away)
	var ended []endedShare
	for _, m := range r.members {
		p := m.person
		if !p.sharing.on || p.sharer != "" || !m.since.Before(looked) ||
			slices.ContainsFunc(leases, func(l presence.Peer) bool { return l.UserID == p.userID }) {
			continue
		}
		at := time.Time{}
		for _, other := range before {
			if other.UserID == p.userID && other.saidAt.After(at) {
				at = other.saidAt
			}
		}
		if at.IsZero() {
			at = now // its server was gone before anybody here could know it
		}
		p.sharing.set(false)
		ended = append(ended, endedShare{m, r.nextShare(), at})
	}
	return ended
}

// setAway notes the sockets of other servers. The caller holds the lock.
func (r *room) setAway(away []awayPeer) {
	r.away = make(map[string]awayPeer, len(away))
	for _, p := range away {
		r.away[p.SocketID] = p
	}
}

// tellState tells a client who is in the room. The caller holds the lock.
func (r *room) tellState(c *client) {
	peers := r.peers(c.id)
	for _, id := range slices.Sorted(maps.Keys(r.away)) {
		shape := r.away[id].peerShape
		if p := r.people[shape.UserID]; p != nil && p.sharer != "" {
			shape.IsSharingScreen = false // the record knows of the person, and the room which socket it is
		}
		peers = append(peers, shape)
	}
	r.tellOnly(c, newMessage(eventRoomState, roomState{peers}))
}
