package realtime

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime/recording"
)

// leaveRoom takes a client out of a room, and its user out of the call if no other connection is left. A client that is not in the
// room gets no error.
func (s *Server) leaveRoom(_ context.Context, c *client, data json.RawMessage, ack answer) error {
	in := parse(data, "roomId")
	roomID := in.room()
	if in.err != nil {
		return in.err
	}
	at := s.Now()
	m := s.takeOut(c, c.room(roomID), at)
	if m == nil {
		acknowledge(c, ack, nil)
		return nil
	}
	write := func(ctx context.Context) error {
		_, err := s.Presence.Leave(ctx, presence.Leave{Lease: m.lease(), SessionID: m.sessionID, At: at})
		return err
	}
	s.record(m.lease(), "record a leave", write, func(err error) {
		if err != nil {
			s.refuse(c, err, ack)
			return
		}
		acknowledge(c, ack, nil)
	})
	return nil
}

// connected begins the lifetime of a client.
func (s *Server) connected(c *client) {
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	s.clients.add(c)
}

// disconnected ends the lifetime of a client whose connection broke at the given time. Its user may come back within the grace
// time.
func (s *Server) disconnected(c *client, at time.Time) {
	c.cancel()
	s.clients.remove(c)
	for _, r := range c.rooms.list() {
		m := s.takeOut(c, r, at)
		if m != nil && !s.draining.Load() { // Drain marks all leases as lost
			s.lose(m.lease(), at)
		}
	}
	for _, studyID := range c.lobbies.list() {
		s.lobbies.leave(c, studyID, s.Now())
	}
}

// remove takes out a client whose user may no longer be in the study. Each socket of the user may record it.
func (s *Server) remove(c *client, r *room, at time.Time) {
	m := s.takeOutNotified(c, r, at)
	if m != nil {
		s.record(m.lease(), "record a removal", func(ctx context.Context) error {
			return s.Presence.Remove(ctx, presence.Leave{Lease: m.lease(), SessionID: m.sessionID, At: at})
		}, nil)
	}
}

// takeOutNotified is takeOut for a client that did not ask for it and stays connected: the client itself gets the event that its
// peers get.
func (s *Server) takeOutNotified(c *client, r *room, at time.Time) *member {
	m := s.takeOut(c, r, at)
	if m != nil {
		c.send(newMessage(eventUserLeft, m.peer()))
	}
	return m
}

// takeOut takes a client out of a room, and records the end of its share. It returns nil if the client is not in the room.
func (s *Server) takeOut(c *client, r *room, at time.Time) *member {
	if r == nil {
		return nil
	}
	return s.rooms.leave(c, r, func(ch change) { s.recordStop(ch, at) })
}

// lose records that a connection broke.
func (s *Server) lose(l presence.Lease, at time.Time) {
	s.record(l, "mark a lease as lost", func(ctx context.Context) error { return s.Presence.Lose(ctx, l, at) }, nil)
}

// owner is the participant in whose order the records of a lease are written.
func owner(l presence.Lease) recording.Participant {
	return recording.Participant{StudyID: l.StudyID, UserID: l.UserID}
}

// record queues what must be recorded for the participant of a lease, and logs a failure. Another server, or this one after a
// restart, then finds the lease. then, unless nil, is called with the outcome.
func (s *Server) record(l presence.Lease, what string, write func(context.Context) error, then func(error)) {
	s.queue.AddRequired(owner(l), recording.Record{
		Write: write,
		Done: func(ctx context.Context, err error) {
			if err != nil {
				s.Log.LogAttrs(ctx, slog.LevelError, "could not "+what, slog.Any("error", err),
					slog.String("studyId", l.StudyID), slog.String("userId", l.UserID), slog.String("socketId", l.SocketID))
			}
			if then != nil {
				then(err)
			}
		},
	})
}
