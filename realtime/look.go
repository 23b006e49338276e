package realtime

import (
	"context"
	"log/slog"
	"time"

	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/realtime/websocket"
)

// lookTimeout bounds one round of looks.
const lookTimeout = 10 * time.Second

// lookAgain looks at those who are connected again and again: whether they may still be here. People and leases are in
// different databases, as a rule, and looked at apart: while our own hangs, whoever is kicked is put out all the same.
func (s *Server) lookAgain(ctx context.Context, looks ...func(context.Context) error) {
	ticker := time.NewTicker(s.Look)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		bounded, cancel := context.WithTimeout(ctx, lookTimeout)
		for _, look := range looks {
			if err := look(bounded); err != nil && ctx.Err() == nil {
				s.Log.LogAttrs(ctx, slog.LevelDebug, "could not look again", slog.Any("error", err))
			}
		}
		cancel()
	}
}

// lookAtLeases closes the sockets that are in a room and whose lease was taken away: see presence.Registry.Held. A client that
// is still there reconnects and joins anew, if it may.
func (s *Server) lookAtLeases(ctx context.Context) error {
	before := time.Now()
	held, err := s.Presence.Held(ctx)
	if err != nil {
		return err
	}
	for _, r := range s.rooms.all() {
		for _, m := range r.list() {
			if _, has := held[leaseOf(m.client, r.studyID)]; !has && m.since.Before(before) {
				s.out(m.client, r, s.Now())
				s.hangUp(m.client, websocket.Restart)
			}
		}
	}
	return nil
}

// lookElsewhere refreshes what this server knows of the others' sockets in its rooms.
func (s *Server) lookElsewhere(ctx context.Context) error {
	all := s.rooms.all()
	if len(all) == 0 {
		return nil
	}
	studyIDs := make([]string, len(all))
	for i, r := range all {
		studyIDs[i] = r.studyID
	}
	leases, err := s.Presence.Elsewhere(ctx, studyIDs)
	if err != nil {
		return err
	}
	ids := make([]string, len(leases))
	for i, l := range leases {
		ids[i] = l.UserID
	}
	users := map[string]membership.User{}
	if len(ids) > 0 {
		if users, err = s.Users.Users(ctx, ids); err != nil {
			return err
		}
	}
	byStudy := map[string][]peerShape{}
	for _, l := range leases {
		byStudy[l.StudyID] = append(byStudy[l.StudyID], peerShape{
			SocketID: l.SocketID, UserID: l.UserID, User: shapeOf(l.UserID, users[l.UserID]), JoinedAt: instant(s.Now()),
		})
	}
	for _, r := range all {
		r.mu.Lock()
		r.refreshAway(byStudy[r.studyID])
		r.mu.Unlock()
	}
	return nil
}

// refreshAway takes what is known of the sockets of other servers that are still there. The caller holds the lock.
func (r *room) refreshAway(elsewhere []peerShape) {
	for i, p := range elsewhere {
		if known, is := r.away[p.SocketID]; is {
			elsewhere[i] = known
		}
	}
	r.setAway(elsewhere)
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
