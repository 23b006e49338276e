package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/studycall/studycall/api"
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
	var turn shareTurn
	return s.toggle(c, roomID, ack, change{
		apply: func(r *room, m *member) (uint64, error) {
			number, err := r.share(m, is)
			if number > 0 {
				turn = r.nextShare()
			}
			return number, err
		},
		undo: func(r *room, m *member) {
			if r.members[m.client.id] == m {
				_, _ = r.share(m, m.person.sharing.recorded) // whoever else shares by now has won
			}
		},
		of: func(m *member) *toggle { return &m.person.sharing },
		to: is,
		record: func(ctx context.Context, _ *room, m *member, at time.Time) error {
			if err := turn.come(ctx); err != nil {
				return err
			}
			return s.setScreenShare(ctx, m, is, at)
		},
		over: func() { turn.end() },
	})
}

// shareTurn is one in the order in which a room's shares and their ends are recorded, which is that in which they were told:
// what waits for the database, of several participants, would else come in any, and a share be refused for one that is over.
// The zero value is nobody's turn, which has come. As everybody's records are queued in the order of the turns, too, no two
// wait for each other.
type shareTurn struct{ before, over chan struct{} }

// nextShare is the turn after the latest. The caller holds the lock.
func (r *room) nextShare() shareTurn {
	turn := shareTurn{r.lastShare, make(chan struct{})}
	r.lastShare = turn.over
	return turn
}

// come waits for the turn.
func (t shareTurn) come(ctx context.Context) error {
	if t.before == nil {
		return nil
	}
	select {
	case <-t.before:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end lets the next one come.
func (t shareTurn) end() {
	if t.over != nil {
		close(t.over)
	}
}

// whoShares is the user whom an error names as sharing; empty if it is another error.
func whoShares(err error) string {
	var taken *domain.Error
	if !errors.As(err, &taken) || taken.Code != domain.ScreenShareTaken {
		return ""
	}
	userID, _ := taken.Details["userId"].(string)
	return userID
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
					"userId": other.person.userID, "name": api.NewPersonWithEmail(other.person.userID, other.client.user).Name,
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
func (s *Server) recordStop(m *member, turn shareTurn, at time.Time) {
	lease := leaseOf(m.client, m.room.studyID)
	s.recorder.mustAdd(participant{lease.StudyID, lease.UserID}, record{
		do: func(ctx context.Context) error {
			if err := turn.come(ctx); err != nil {
				return err
			}
			err := s.setScreenShare(ctx, m, false, at)
			if errors.Is(err, domain.ErrParticipantNotFound) || errors.Is(err, domain.ErrSessionEnded) {
				return nil // a leave has ended it before
			}
			return err
		},
		done: func(err error) {
			turn.end()
			s.recorded("stop a screen share", lease, err)
			m.room.keep(&m.person.sharing, false, err)
		},
	})
}
