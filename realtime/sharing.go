package realtime

import (
	"context"
	"encoding/json"
	"errors"
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
		undo: func(r *room, m *member) {
			if r.members[m.client.id] == m {
				_, _ = r.share(m, m.person.sharing.recorded) // whoever else shares by now has won
			}
		},
		of: func(m *member) *toggle { return &m.person.sharing },
		to: is,
		record: func(ctx context.Context, _ *room, m *member, at time.Time) error {
			return s.setScreenShare(ctx, m, is, at)
		},
	})
}

func (s *Server) setScreenShare(ctx context.Context, m *member, is bool, at time.Time) error {
	_, err := s.Commands.SetScreenShare(ctx, commands.SetScreenShare{
		StudyID: m.room.studyID, SessionID: m.sessionID, UserID: m.person.userID, Sharing: is, At: at,
	})
	return err
}

// share notes that a member shares the screen, or that its person does no longer, and tells the room. A share that another of
// the person's sockets has moves to this one: of both the room is told. The caller holds the lock.
func (r *room) share(m *member, is bool) (uint64, error) {
	p := m.person
	if is && p.sharer == m.client.id || !is && !p.sharing.on {
		return 0, nil
	}
	if is {
		for _, other := range r.members {
			if other.client.id == other.person.sharer && other.person != p {
				return 0, &domain.Error{Code: domain.ScreenShareTaken, Details: map[string]any{
					"userId": other.person.userID, "name": shapeOf(other.person.userID, other.client.user).Name,
				}}
			}
		}
	}
	if p.sharer != "" {
		r.tellShare(p.sharer, p.userID, false)
		p.sharer = ""
	}
	if is {
		p.sharer = m.client.id
		r.tellShare(p.sharer, p.userID, true)
	}
	return p.sharing.set(is), nil
}

// recordStop records that a person's share is over, for whom nobody waits.
func (s *Server) recordStop(m *member, at time.Time) {
	lease := leaseOf(m.client, m.room.studyID)
	s.recorder.mustAdd(participant{lease.StudyID, lease.UserID}, record{
		do: func(ctx context.Context) error {
			err := s.setScreenShare(ctx, m, false, at)
			if errors.Is(err, domain.ErrParticipantNotFound) || errors.Is(err, domain.ErrSessionEnded) {
				return nil // a leave has ended it before
			}
			return err
		},
		done: func(err error) {
			s.recorded("stop a screen share", lease, err)
			m.room.keep(&m.person.sharing, false, err)
		},
	})
}
