package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/websocket"
)

// change is a toggle that a client asks for: what it changes in the room, and the command that records it.
type change struct {
	// apply changes the room's state and tells the room, under its lock. It gives the number of the change, 0 for none.
	apply func(r *room, m *member) (uint64, error)
	// undo goes back to what the record has, and tells the room; under the lock too.
	undo func(r *room, m *member)
	// of is what changes, and to is the value that it is changed to.
	of func(m *member) *toggle
	to bool
	// record carries out the command.
	record func(ctx context.Context, r *room, m *member, at time.Time) error
	// over, unless nil, is told when the change is recorded, or is not to be.
	over func()
}

func (s *Server) toggleAudio(c *client, data json.RawMessage, ack answer) error {
	roomID, muted, err := parseToggle(data, "isMuted")
	if err != nil {
		return err
	}
	of := func(m *member) *toggle { return &m.person.muted }
	return s.toggle(c, roomID, ack, change{
		apply: func(r *room, m *member) (uint64, error) { return r.toggled(m, muted, of, (*member).audioChanged), nil },
		undo:  func(r *room, m *member) { r.untoggled(m, of, (*member).audioChanged) },
		of:    of, to: muted,
		record: func(ctx context.Context, r *room, m *member, at time.Time) error {
			_, err := s.Commands.SetAudio(ctx, commands.SetAudio{
				StudyID: r.studyID, SessionID: m.sessionID, UserID: c.user.ID, Muted: muted, At: at,
			})
			return err
		},
	})
}

func (s *Server) toggleVideo(c *client, data json.RawMessage, ack answer) error {
	roomID, off, err := parseToggle(data, "isVideoOff")
	if err != nil {
		return err
	}
	of := func(m *member) *toggle { return &m.person.off }
	return s.toggle(c, roomID, ack, change{
		apply: func(r *room, m *member) (uint64, error) { return r.toggled(m, off, of, (*member).videoChanged), nil },
		undo:  func(r *room, m *member) { r.untoggled(m, of, (*member).videoChanged) },
		of:    of, to: off,
		record: func(ctx context.Context, r *room, m *member, at time.Time) error {
			_, err := s.Commands.SetVideo(ctx, commands.SetVideo{
				StudyID: r.studyID, SessionID: m.sessionID, UserID: c.user.ID, Off: off, At: at,
			})
			return err
		},
	})
}

// toggle tells the room of a change at once, and then records it. What changes nothing is told and recorded to nobody,
// unless the client wants to know that what was asked before is durable.
func (s *Server) toggle(c *client, roomID string, ack answer, ch change) error {
	r := c.room(roomID)
	if r == nil {
		return errNotInRoom
	}
	at := s.Now()
	r.mu.Lock()
	m := r.members[c.id]
	if m == nil {
		r.mu.Unlock()
		return errNotInRoom
	}
	number, err := ch.apply(r, m)
	var full error
	if err == nil && (number > 0 || ack != nil) {
		// Under the lock, so that the record has the toggles of a user's tabs in the order in which the room was told of them.
		full = s.recorder.add(participant{r.studyID, c.user.ID}, record{
			do: func(ctx context.Context) error { return ch.record(ctx, r, m, at) },
			done: func(err error) {
				ch.isOver()
				s.toggled(c, r, m, number, ch, err, ack)
			},
		})
	}
	r.mu.Unlock()
	r.flush()
	if full != nil {
		// Nothing may be lost silently: the client learns that this is not on record, and comes back when it can be.
		ch.isOver()
		s.takeBack(r, m, number, ch)
		s.refuse(c, full, ack)
		s.hangUp(c, websocket.Internal)
	}
	return err
}

func (ch change) isOver() {
	if ch.over != nil {
		ch.over()
	}
}

// toggled is told how the recording of a change ended.
func (s *Server) toggled(c *client, r *room, m *member, number uint64, ch change, err error, ack answer) {
	r.keep(ch.of(m), ch.to, err)
	if err == nil {
		acknowledge(c, ack, nil)
		return
	}
	if errors.Is(err, errRecorderStopped) {
		acknowledge(c, ack, toClient(err))
		return // the server is gone, and so is the room
	}
	s.takeBack(r, m, number, ch)
	s.refuse(c, s.named(err), ack)
}

// keep notes what the record has, if it was written.
func (r *room) keep(t *toggle, on bool, err error) {
	if err != nil {
		return
	}
	r.mu.Lock()
	t.recorded = on
	r.mu.Unlock()
}

// takeBack undoes what the room was told and the record refused, unless it changed again since: then the fate of the latest
// change decides, and of several that are refused in a row the last goes back to what the record has.
func (s *Server) takeBack(r *room, m *member, number uint64, ch change) {
	if number == 0 {
		return
	}
	r.mu.Lock()
	if r.people[m.person.userID] == m.person && ch.of(m).changes == number {
		ch.undo(r, m)
	}
	r.mu.Unlock()
	r.flush()
}

// named adds the name of whoever an error names.
func (s *Server) named(err error) error {
	userID := whoShares(err)
	if userID == "" {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	users, lookUp := s.Users.Users(ctx, []string{userID})
	s.missed(lookUp, "a name")
	return &domain.Error{Code: domain.ScreenShareTaken, Details: map[string]any{
		"userId": userID, "name": api.NewPersonWithEmail(userID, users[userID]).Name,
	}}
}

// toggled sets a toggle of a member's person, and tells the room of each of the person's sockets.
func (r *room) toggled(m *member, on bool, of func(*member) *toggle, changed func(*member) *message) uint64 {
	t := of(m)
	if t.on == on {
		return 0
	}
	number := t.set(on)
	for id, other := range r.members {
		if other.person == m.person {
			r.tell(changed(other), id)
		}
	}
	return number
}

// untoggled goes back to what the record has.
func (r *room) untoggled(m *member, of func(*member) *toggle, changed func(*member) *message) {
	r.toggled(m, of(m).recorded, of, changed)
}
