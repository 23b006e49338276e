package realtime

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// lookAtPeople puts out whoever may no longer be here: who is no member of a study any more, and who has no account. Each is
// asked about once, however many rooms and sockets they have. While it cannot be asked, nobody is put out for it.
func (s *Server) lookAtPeople(ctx context.Context) error {
	return errors.Join(s.lookAtMembers(ctx), s.lookAtAccounts(ctx))
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
	if len(asked) == 0 {
		return nil
	}
	active, err := s.Recheck.ActiveMembers(ctx, slices.Collect(maps.Keys(asked)))
	if err != nil {
		return err
	}
	out := func(studyID, userID string) bool {
		is, known := active[membership.Place{StudyID: studyID, UserID: userID}]
		return known && !is
	}
	for _, r := range rooms {
		for _, m := range r.list() {
			if out(r.studyID, m.client.user.ID) {
				s.refuse(m.client, domain.ErrNotStudyMember, nil)
				s.removed(m.client, r, s.Now())
			}
		}
	}
	for _, studyID := range studyIDs {
		for _, c := range s.studies.in(studyID) {
			if out(studyID, c.user.ID) {
				s.studies.leave(c, studyID, s.Now())
			}
		}
	}
	return nil
}

// lookAtAccounts closes the sockets of accounts that may no longer be used.
func (s *Server) lookAtAccounts(ctx context.Context) error {
	clients := s.clients.list()
	asked := make(map[string]bool, len(clients))
	for _, c := range clients {
		asked[c.user.ID] = true
	}
	if len(asked) == 0 {
		return nil
	}
	active, err := s.Recheck.ActiveAccounts(ctx, slices.Collect(maps.Keys(asked)))
	if err != nil {
		return err
	}
	for _, c := range clients {
		if active[c.user.ID] {
			continue
		}
		for _, r := range c.in() {
			s.removed(c, r, s.Now())
		}
		s.hangUp(c, closecode.Removed)
	}
	return nil
}
