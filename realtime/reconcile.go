package realtime

import (
	"context"
	"errors"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/websocket"
)

// reconcileLeases makes the rooms and the leases agree. It takes a socket whose lease was deleted out of its room, and marks a
// lease without a socket as lost. See presence.Registry.Leases.
func (s *Server) reconcileLeases(ctx context.Context) error {
	if s.draining.Load() {
		return nil // Drain marks all leases as lost
	}
	before := time.Now()
	leases, wasSilent, err := s.Presence.Leases(ctx)
	if err != nil {
		return err
	}
	for _, r := range s.rooms.list() {
		for _, m := range r.list() {
			if _, exists := leases[m.lease()]; exists {
				delete(leases, m.lease())
			} else if m.enteredAt.Before(before) {
				s.leaseDeleted(m, wasSilent)
			}
		}
	}
	s.loseUnmatched(leases)
	return nil
}

// leaseDeleted takes out a member whose lease was deleted. If this server was silent, it closes the
// connection, so that the client reconnects and joins again. Otherwise the user has left or was removed, and the connection stays.
func (s *Server) leaseDeleted(m *member, wasSilent bool) {
	if wasSilent {
		s.takeOut(m.client, m.room, s.Now())
		s.hangUp(m.client, websocket.Restart)
		return
	}
	s.takeOutNotified(m.client, m.room, s.Now())
}

// loseUnmatched marks the leases without a member as lost if they had none at the last reconciliation either, and the participant has no
// record in the queue, such as a join or a leave. Such a lease belongs to a leave that failed finally; no other record will delete it.
func (s *Server) loseUnmatched(leases map[presence.Lease]struct{}) {
	found := map[presence.Lease]time.Time{}
	for lease := range leases {
		if s.draining.Load() || s.queue.Busy(owner(lease)) {
			continue
		}
		if since, again := s.unmatchedLeases[lease]; again {
			s.lose(lease, since)
			continue
		}
		found[lease] = s.Now()
	}
	s.unmatchedLeases = found
}

// refreshRemotePeers reads which sockets the other servers have in this server's rooms, and records the end of the shares whose
// socket was on a server that was killed while the user is still connected to this one.
func (s *Server) refreshRemotePeers(ctx context.Context) error {
	rooms := s.rooms.list()
	if len(rooms) == 0 {
		return nil
	}
	readAt := time.Now()
	studyIDs := make([]string, len(rooms))
	for i, r := range rooms {
		studyIDs[i] = r.studyID
	}
	leases, err := s.Presence.RemotePeers(ctx, studyIDs)
	if err != nil {
		return err
	}
	byStudy := map[string][]presence.Peer{}
	for _, l := range leases {
		byStudy[l.StudyID] = append(byStudy[l.StudyID], l)
	}
	var failures []error // the failure of one room does not stop the others
	for _, r := range rooms {
		var peers []remotePeer
		if len(byStudy[r.studyID]) > 0 {
			session, _, err := s.Calls.Open(ctx, r.studyID)
			if err != nil {
				failures = append(failures, err)
				continue
			}
			peers = s.remotePeers(ctx, session, byStudy[r.studyID])
		}
		r.refreshRemote(peers, byStudy[r.studyID], readAt, s.Now(), s.recordStop)
	}
	return errors.Join(failures...)
}

// remotePeers returns the sockets on other servers with the recorded state of their users.
func (s *Server) remotePeers(ctx context.Context, session domain.Session, leases []presence.Peer) []remotePeer {
	if len(leases) == 0 {
		return nil
	}
	ids := make([]string, len(leases))
	for i, l := range leases {
		ids[i] = l.UserID
	}
	users, err := s.Users.Users(ctx, ids)
	s.warnMissing(err, "the names of other servers' peers")
	peers := make([]remotePeer, 0, len(leases))
	for _, l := range leases {
		p := session.Participant(l.UserID)
		if !p.InCall() {
			continue // the join or the leave is under way
		}
		peers = append(peers, remotePeer{peerShape{
			SocketID: l.SocketID, UserID: l.UserID, User: api.NewPersonWithEmail(l.UserID, users[l.UserID]),
			IsMuted: p.Muted.Running(), IsVideoOff: p.CameraOff.Running(), IsSharingScreen: p.Sharing.Running(),
			JoinedAt: api.Time(p.JoinedAt),
		}, l.LastSeen})
	}
	return peers
}
