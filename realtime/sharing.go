package realtime

import (
	"context"
	"encoding/json"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
)

func (s *Server) startScreenShare(c *client, data json.RawMessage, ack answer) error {
	return s.shareScreen(c, data, true, ack)
}

func (s *Server) stopScreenShare(c *client, data json.RawMessage, ack answer) error {
	return s.shareScreen(c, data, false, ack)
}

// shareScreen starts or stops sharing. Of one room, one participant shares at a time: who else tries is refused at once
// where this server knows it, and else by the record.
func (s *Server) shareScreen(c *client, data json.RawMessage, is bool, ack answer) error {
	roomID, err := parseRoom(data)
	if err != nil {
		return err
	}
	return s.toggle(c, roomID, ack, change{
		apply: func(r *room, m *member) (uint64, error) { return r.share(m, is) },
		undo: func(r *room, m *member, number uint64) {
			if m.person.sharing.changes == number {
				_, _ = r.share(m, !is) // whoever else shares by now has won
			}
		},
		record: func(ctx context.Context, r *room, m *member, at time.Time) error {
			_, err := s.Commands.SetScreenShare(ctx, commands.SetScreenShare{
				StudyID: r.studyID, SessionID: m.sessionID, UserID: c.user.ID, Sharing: is, At: at,
			})
			return err
		},
	})
}

// share notes that a member shares the screen, or does no longer, and tells the room. The caller holds the lock.
func (r *room) share(m *member, is bool) (uint64, error) {
	p := m.person
	if p.sharing.on == is {
		return 0, nil
	}
	sharer := p.sharer
	if is {
		for _, other := range r.members {
			if other.client.id == other.person.sharer && other.person != p {
				return 0, &domain.Error{Code: domain.ScreenShareTaken, Details: map[string]any{
					"userId": other.person.userID, "name": shapeOf(other.person.userID, other.client.user).Name,
				}}
			}
		}
		sharer = m.client.id
	}
	number := p.sharing.set(is)
	p.sharer = ""
	if is {
		p.sharer = sharer
	}
	r.tellShare(sharer, p.userID, is)
	return number, nil
}
