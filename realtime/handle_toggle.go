package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/realtime/recording"
	"github.com/studycall/studycall/websocket"
)

// toggled makes the handler of a message that has the value of a field under the name flag.
func (s *Server) toggled(f domain.Toggle, flag string) handler {
	return func(_ context.Context, c *client, data json.RawMessage, ack answer) error {
		roomID, value, err := parseToggle(data, flag)
		if err != nil {
			return err
		}
		return s.toggle(c, roomID, f, value, ack)
	}
}

// shared makes the handler that starts or stops a share. One participant of a room shares at a time. If another one shares by a socket
// of this server, the room refuses the share at once; otherwise the command does.
func (s *Server) shared(on bool) handler {
	return func(_ context.Context, c *client, data json.RawMessage, ack answer) error {
		in := parse(data, "roomId")
		roomID := in.room()
		if in.err != nil {
			return in.err
		}
		return s.toggle(c, roomID, domain.Sharing, on, ack)
	}
}

// toggle publishes a change at once, and then records it. A value that is the same is recorded only if the client asks for an ack,
// which says that its earlier toggles are durable.
func (s *Server) toggle(c *client, roomID string, f domain.Toggle, value bool, ack answer) error {
	r := c.room(roomID)
	if r == nil {
		return errNotInRoom
	}
	at := s.Now()
	var full error
	var published change
	err := r.toggle(c, f, value, func(ch change) {
		published = ch
		if ch.number > 0 || ack != nil {
			full = s.recordToggle(ch, at, ack)
		}
	})
	if full != nil {
		// No change may be lost silently: the client learns that this one is not recorded, and reconnects.
		published.ticket.release()
		published.revert()
		s.refuse(c, full, ack)
		s.hangUp(c, websocket.Internal)
	}
	return err
}

// recordToggle queues the record of a change. The error is recording.ErrFull.
func (s *Server) recordToggle(ch change, at time.Time, ack answer) error {
	return s.queue.Add(owner(ch.member.lease()), recording.Record{
		Write: func(ctx context.Context) error { return s.issueToggle(ctx, ch, at) },
		Done: func(ctx context.Context, err error) {
			ch.ticket.release()
			s.settle(ctx, ch, err, ack)
		},
	})
}

// issueToggle waits for its turn and issues the command of a change.
func (s *Server) issueToggle(ctx context.Context, ch change, at time.Time) error {
	if err := ch.ticket.wait(ctx); err != nil {
		return err
	}
	l := ch.member.lease()
	_, err := s.Commands.SetToggle(ctx, l.StudyID, domain.SetToggle{
		SessionID: ch.member.sessionID, UserID: l.UserID, Toggle: ch.field, On: ch.value, At: at,
	})
	return err
}

// settle confirms a change that is recorded, reverts one that is refused, and answers the client.
func (s *Server) settle(ctx context.Context, ch change, err error, ack answer) {
	c := ch.member.client
	switch {
	case err == nil:
		ch.confirm()
		acknowledge(c, ack, nil)
	case errors.Is(err, recording.ErrClosed): // the server has stopped: no room is left
		acknowledge(c, ack, toClient(err))
	default:
		ch.revert()
		s.refuse(c, s.withSharerName(ctx, err), ack)
	}
}

// withSharerName adds the name of the participant who shares to domain.ScreenShareTaken, and returns other errors unchanged.
func (s *Server) withSharerName(ctx context.Context, err error) error {
	var taken *domain.Error
	if !errors.As(err, &taken) || taken.Code != domain.ScreenShareTaken {
		return err
	}
	userID, _ := taken.Details["userId"].(string)
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	users, lookup := s.Users.Users(ctx, []string{userID})
	s.warnMissing(lookup, "a name")
	return shareTaken(api.NewPersonWithEmail(userID, users[userID]))
}

// recordStop records the end of a share whose socket has left.
func (s *Server) recordStop(ch change, at time.Time) {
	write := func(ctx context.Context) error {
		err := s.issueToggle(ctx, ch, at)
		if errors.Is(err, domain.ErrParticipantNotFound) || errors.Is(err, domain.ErrSessionEnded) {
			return nil // a leave has ended the share
		}
		return err
	}
	s.record(ch.member.lease(), "stop a screen share", write, func(err error) {
		ch.ticket.release()
		if err == nil {
			ch.confirm()
		}
	})
}
