package realtime

import (
	"context"
	"time"

	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/websocket"
)

// lookAtLeases makes rooms and leases agree: a socket whose lease was taken away is put out of its room, and a lease that no
// socket here has any more is noted as lost. See presence.Registry.Leases.
func (s *Server) lookAtLeases(ctx context.Context) error {
	if s.draining.Load() {
		return nil // all are lost
	}
	before := time.Now()
	held, takenForDead, err := s.Presence.Leases(ctx)
	if err != nil {
		return err
	}
	for _, r := range s.rooms.all() {
		for _, m := range r.list() {
			lease := leaseOf(m.client, r.studyID)
			if _, has := held[lease]; has {
				delete(held, lease)
			} else if m.since.Before(before) {
				s.withoutLease(m, takenForDead)
			}
		}
	}
	s.strays(held)
	return nil
}

// withoutLease puts a member out whose lease was taken away. Where that may be for this server's own silence, its connection is
// closed, so that the client reconnects and joins anew; else its user has left, or was removed, and stays out.
func (s *Server) withoutLease(m *member, takenForDead bool) {
	if takenForDead {
		s.out(m.client, m.room, s.Now())
		s.hangUp(m.client, websocket.Restart)
		return
	}
	s.putOut(m.client, m.room, s.Now())
}

// strays notes as lost what is held and has no member, if it was so at the last look too and nothing of the participant
// waits to be recorded, as a join does, or a leave: the leave has failed for good, and would never come.
func (s *Server) strays(without map[presence.Lease]struct{}) {
	found := map[presence.Lease]time.Time{}
	for lease := range without {
		if s.draining.Load() || s.recorder.busy(participant{lease.StudyID, lease.UserID}) {
			continue
		}
		if since, again := s.stray[lease]; again {
			s.lose(lease, since)
			continue
		}
		found[lease] = s.Now()
	}
	s.stray = found
}

// list is everybody in the room at this moment.
func (r *room) list() []*member {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*member, 0, len(r.members))
	for _, m := range r.members {
		list = append(list, m)
	}
	return list
}
