package realtime

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/realtime/websocket"
)

// lookTimeout bounds one round of looks.
const lookTimeout = 10 * time.Second

// lookAgain looks at those who are connected again and again: whether they may still be here.
func (s *Server) lookAgain(ctx context.Context) {
	ticker := time.NewTicker(s.Look)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		bounded, cancel := context.WithTimeout(ctx, lookTimeout)
		// While one of them cannot be asked, nobody is put out on its account.
		for _, look := range []func(context.Context) error{s.lookAtMembers, s.lookAtAccounts, s.lookAtFeeds,
			s.lookAtLeases, s.lookElsewhere} {
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

// lookAtMembers puts out who is no longer an active member of the study.
func (s *Server) lookAtMembers(ctx context.Context) error {
	rooms, studyIDs := s.rooms.all(), s.studies.ids()
	asked := map[membership.Place]bool{}
	for _, r := range rooms {
		for _, m := range r.list() {
			asked[membership.Place{StudyID: r.studyID, UserID: m.client.user.ID}] = true
		}
	}
	for _, studyID := range studyIDs {
		for _, c := range s.studies.in(studyID) {
			asked[membership.Place{StudyID: studyID, UserID: c.user.ID}] = true
		}
	}
	active, err := s.Access.ActiveMembers(ctx, slices.Collect(maps.Keys(asked)))
	if err != nil {
		return err
	}
	out := func(studyID string, c *client) bool {
		is, known := active[membership.Place{StudyID: studyID, UserID: c.user.ID}]
		return known && !is
	}
	for _, r := range rooms {
		for _, m := range r.list() {
			if out(r.studyID, m.client) {
				s.refuse(m.client, domain.ErrNotStudyMember, nil)
				s.removed(m.client, r, s.Now())
			}
		}
	}
	for _, studyID := range studyIDs {
		for _, c := range s.studies.in(studyID) {
			if out(studyID, c) {
				s.leaveStudy(c, studyID)
			}
		}
	}
	return nil
}

// lookAtAccounts closes the sockets of accounts that may no longer be used.
func (s *Server) lookAtAccounts(ctx context.Context) error {
	clients := s.clients.list()
	ids := make([]string, 0, len(clients))
	seen := make(map[string]struct{}, len(clients))
	for _, c := range clients {
		if _, twice := seen[c.user.ID]; !twice {
			seen[c.user.ID] = struct{}{}
			ids = append(ids, c.user.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	users, err := s.Users.Users(ctx, ids)
	if err != nil {
		return err
	}
	for _, c := range clients {
		if users[c.user.ID].Active() {
			continue
		}
		for _, r := range c.in() {
			s.removed(c, r, s.Now())
		}
		s.hangUp(c, websocket.Removed)
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
