package realtime

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/websocket"
)

// leaveRoom takes a client out of a room, and its user out of the session if this was the last connection. Leaving a room
// that the client is not in is no error.
func (s *Server) leaveRoom(c *client, data json.RawMessage, ack answer) error {
	roomID, err := parseRoom(data)
	if err != nil {
		return err
	}
	at := s.Now()
	m := s.out(c, c.room(roomID), at)
	if m == nil {
		acknowledge(c, ack, nil)
		return nil
	}
	lease := leaseOf(c, m.room.studyID)
	s.recorder.mustAdd(participant{lease.StudyID, lease.UserID}, record{
		do: func(ctx context.Context) error {
			_, err := s.Presence.Leave(ctx, leave(lease, m.sessionID, at))
			return err
		},
		done: func(err error) {
			s.recorded("leave", lease, err)
			if err != nil {
				s.refuse(c, err, ack)
				return
			}
			acknowledge(c, ack, nil)
		},
	})
	return nil
}

// gone is for a client whose connection broke at the given time. Its user may come back within the grace time.
func (s *Server) gone(c *client, at time.Time) {
	for _, r := range c.in() {
		// Those of a server that drains are noted as lost all together.
		if m := s.out(c, r, at); m != nil && !s.draining.Load() {
			s.lose(leaseOf(c, r.studyID), at)
		}
	}
	for _, studyID := range c.attends() {
		s.studies.leave(c, studyID, s.Now())
	}
}

// removed puts a client out whose user may no longer be in the study. Of several sockets each may record it.
func (s *Server) removed(c *client, r *room, at time.Time) {
	m := s.putOut(c, r, at)
	if m == nil {
		return
	}
	lease := leaseOf(c, r.studyID)
	s.recorder.mustAdd(participant{lease.StudyID, lease.UserID}, record{
		do:   func(ctx context.Context) error { return s.Presence.Remove(ctx, leave(lease, m.sessionID, at)) },
		done: func(err error) { s.recorded("remove", lease, err) },
	})
}

// putOut is out for a client that did not ask for it, and stays connected: it is told of its own socket what the others are.
func (s *Server) putOut(c *client, r *room, at time.Time) *member {
	m := s.out(c, r, at)
	if m != nil {
		c.send(newMessage(eventUserLeft, m.peer()))
	}
	return m
}

// out takes a client out of a room and tells the room; nil if it was not in. If it shared its screen, that is over, also for
// who comes back: the new socket has no screen to show until its user picks one.
func (s *Server) out(c *client, r *room, at time.Time) *member {
	if r == nil {
		return nil
	}
	return s.rooms.leave(c, r, func(m *member) {
		if m.person.sharer == c.id {
			_, _ = r.share(m, false)           // refuses nobody to stop
			s.recordStop(m, r.nextShare(), at) // before another of the user's tabs can share
		}
	})
}

// lose records that a connection broke.
func (s *Server) lose(l presence.Lease, at time.Time) {
	s.recorder.mustAdd(participant{l.StudyID, l.UserID}, record{
		do:   func(ctx context.Context) error { return s.Presence.Lose(ctx, l, at) },
		done: func(err error) { s.recorded("note a lost connection", l, err) },
	})
}

func leave(l presence.Lease, sessionID string, at time.Time) presence.Leave {
	return presence.Leave{StudyID: l.StudyID, UserID: l.UserID, SocketID: l.SocketID, SessionID: sessionID, At: at}
}

func leaseOf(c *client, studyID string) presence.Lease {
	return presence.Lease{StudyID: studyID, UserID: c.user.ID, SocketID: c.id}
}

// recorded logs what could not be recorded. Another server, or this one when it starts again, finds the lease.
func (s *Server) recorded(what string, l presence.Lease, err error) {
	if err != nil {
		s.Log.LogAttrs(context.Background(), slog.LevelError, "could not "+what, slog.Any("error", err),
			slog.String("studyId", l.StudyID), slog.String("userId", l.UserID), slog.String("socketId", l.SocketID))
	}
}

// hangUp closes a client's connection.
func (s *Server) hangUp(c *client, code websocket.CloseCode) {
	s.Log.Debug("closing a socket", "socketId", c.id, "userId", c.user.ID, "reason", code.Text)
	c.link.close(code)
}
