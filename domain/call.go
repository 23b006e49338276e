package domain

import (
	"slices"
	"time"
)

// RoomID returns the id of a study's signalling room. Clients know this form.
func RoomID(studyID string) string { return "study-" + studyID + "-main" }

// Call is the part of a study's state that decisions need: its latest session, open or ended. The zero value is a study
// without sessions. It is not safe for concurrent use.
type Call struct {
	Session Session
}

// Session is one call of a study, from start to end. The zero value is no session.
type Session struct {
	ID        string
	StartedBy string
	StartedAt time.Time
	EndedAt   time.Time // zero while it is open
	EndReason EndReason
	// Participants has one entry for every user who ever joined, in order of the first join.
	Participants []Participant
}

// Participant is one user's record in one session, over all of the user's stints.
type Participant struct {
	ID       string
	UserID   string
	JoinedAt time.Time // start of the first stint
	LeftAt   time.Time // end of the latest stint; zero while in the call
	LastAt   time.Time // business time of the latest event; later events are never earlier
	Attendance
}

// Open reports whether the session exists and has not ended.
func (s Session) Open() bool { return s.ID != "" && s.EndedAt.IsZero() }

// Duration returns the time from start to end; 0 while the session is open.
func (s Session) Duration() time.Duration {
	if s.EndedAt.IsZero() {
		return 0
	}
	return s.EndedAt.Sub(s.StartedAt)
}

// InCall returns the number of participants who are in the call.
func (s Session) InCall() int {
	n := 0
	for i := range s.Participants {
		if s.Participants[i].InCall() {
			n++
		}
	}
	return n
}

// Participant returns a user's record, or nil. The result points into the session.
func (s Session) Participant(userID string) *Participant {
	for i := range s.Participants {
		if s.Participants[i].UserID == userID {
			return &s.Participants[i]
		}
	}
	return nil
}

// InCall reports whether the participant has a current stint. p may be nil.
func (p *Participant) InCall() bool { return p != nil && p.Present.Running() }

// Clone returns a copy that shares no state with c.
func (c Call) Clone() Call {
	c.Session.Participants = slices.Clone(c.Session.Participants)
	return c
}

// Decide returns the events that the command causes in this state, none if it changes nothing, or an *Error. Decide itself
// changes nothing.
func (c Call) Decide(cmd Command) ([]Event, error) { return cmd.decide(c) }

//nolint:unparam // the interface has an error, which this command never returns
func (cmd StartSession) decide(c Call) ([]Event, error) {
	if c.Session.Open() {
		return nil, nil
	}
	// Sessions of one study never overlap, even if the servers' clocks differ.
	at := latest(millis(cmd.At), c.Session.EndedAt)
	return []Event{SessionStarted{Fact{cmd.SessionID, at}, cmd.UserID}}, nil
}

func (cmd JoinSession) decide(c Call) ([]Event, error) {
	if err := c.mustBeOpen(cmd.SessionID); err != nil {
		return nil, err
	}
	at, id := latest(millis(cmd.At), c.Session.StartedAt), cmd.ParticipantID
	if p := c.Session.Participant(cmd.UserID); p != nil {
		if p.InCall() {
			return nil, nil
		}
		at, id = latest(at, p.LastAt), p.ID
	}
	if c.Session.InCall() >= cmd.Capacity {
		return nil, &Error{Code: RoomFull, Details: map[string]any{"capacity": cmd.Capacity}}
	}
	return []Event{ParticipantJoined{Fact{cmd.SessionID, at}, id, cmd.UserID}}, nil
}

func (cmd LeaveSession) decide(c Call) ([]Event, error) {
	p := c.Session.Participant(cmd.UserID)
	if p == nil || c.Session.ID != cmd.SessionID {
		return nil, ErrParticipantNotFound
	}
	if !p.InCall() {
		return nil, nil
	}
	at := millis(cmd.At)
	if at.Before(p.Present.Since.Add(-cmd.Reason.tolerance())) {
		return nil, nil // the end of an earlier stint: the user has joined again since
	}
	at = latest(at, p.LastAt)
	fact := Fact{cmd.SessionID, at}
	events := []Event{ParticipantLeft{fact, cmd.UserID, cmd.Reason}}
	if c.Session.InCall() == 1 {
		// A broken connection is recorded late, with its true time: other participants may have left after that.
		for i := range c.Session.Participants {
			fact.At = latest(fact.At, c.Session.Participants[i].LeftAt)
		}
		events = append(events, SessionEnded{fact, EveryoneLeft})
	}
	return events, nil
}

func (cmd SetToggle) decide(c Call) ([]Event, error) {
	p, err := c.mustBeInCall(cmd.SessionID, cmd.UserID)
	if err != nil || p.Toggle(cmd.Toggle).Running() == cmd.On {
		return nil, err
	}
	for i := range c.Session.Participants {
		if other := &c.Session.Participants[i]; cmd.Toggle == Sharing && cmd.On && other.Sharing.Running() {
			return nil, &Error{Code: ScreenShareTaken, Details: map[string]any{"userId": other.UserID}}
		}
	}
	fact := Fact{cmd.SessionID, latest(millis(cmd.At), p.LastAt)}
	off := [...]Event{AudioUnmuted{fact, cmd.UserID}, VideoTurnedOn{fact, cmd.UserID}, ScreenShareStopped{fact, cmd.UserID}}
	on := [...]Event{AudioMuted{fact, cmd.UserID}, VideoTurnedOff{fact, cmd.UserID}, ScreenShareStarted{fact, cmd.UserID}}
	if cmd.On {
		return []Event{on[cmd.Toggle]}, nil
	}
	return []Event{off[cmd.Toggle]}, nil
}

func (cmd ExpireSession) decide(c Call) ([]Event, error) {
	if err := c.mustBeOpen(cmd.SessionID); err != nil {
		return nil, err
	}
	if len(c.Session.Participants) > 0 {
		return nil, nil // a user has joined after all: the last leave ends the session
	}
	at := latest(millis(cmd.At), c.Session.StartedAt)
	return []Event{SessionEnded{Fact{cmd.SessionID, at}, NobodyJoined}}, nil
}

// Evolve applies an event to the state. Events of Decide always apply. An event that contradicts the state, such as the
// leave of a user who never joined, changes nothing: every log folds, always to the same state.
func (c *Call) Evolve(event Event) {
	if started, ok := event.(SessionStarted); ok {
		c.Session = Session{ID: started.SessionID, StartedBy: started.StartedBy, StartedAt: started.At}
		return
	}
	if event.Session() != c.Session.ID || !c.Session.Open() {
		return
	}
	switch e := event.(type) {
	case ParticipantJoined:
		c.Session.joined(e)
	case ParticipantLeft:
		c.Session.update(e.UserID, e.At, func(p *Participant, at time.Time) { p.leave(at); p.LeftAt = at })
	case AudioMuted:
		c.Session.update(e.UserID, e.At, func(p *Participant, at time.Time) { p.Muted.start(at) })
	case AudioUnmuted:
		c.Session.update(e.UserID, e.At, func(p *Participant, at time.Time) { p.Muted.stop(at) })
	case VideoTurnedOff:
		c.Session.update(e.UserID, e.At, func(p *Participant, at time.Time) { p.CameraOff.start(at) })
	case VideoTurnedOn:
		c.Session.update(e.UserID, e.At, func(p *Participant, at time.Time) { p.CameraOff.stop(at) })
	case ScreenShareStarted:
		c.Session.update(e.UserID, e.At, func(p *Participant, at time.Time) { p.Sharing.start(at) })
	case ScreenShareStopped:
		c.Session.update(e.UserID, e.At, func(p *Participant, at time.Time) { p.Sharing.stop(at) })
	case SessionEnded:
		c.Session.EndedAt, c.Session.EndReason = e.At, e.Reason
	}
}

func (s *Session) joined(e ParticipantJoined) {
	p := s.Participant(e.UserID)
	if p == nil {
		s.Participants = append(s.Participants, Participant{ID: e.ParticipantID, UserID: e.UserID, JoinedAt: e.At})
		p = &s.Participants[len(s.Participants)-1]
	}
	p.LeftAt, p.LastAt = time.Time{}, latest(e.At, p.LastAt)
	p.Present.start(p.LastAt)
}

// update changes a participant who is in the call. It ignores events of other users.
func (s *Session) update(userID string, at time.Time, change func(*Participant, time.Time)) {
	if p := s.Participant(userID); p.InCall() {
		p.LastAt = latest(at, p.LastAt)
		change(p, p.LastAt)
	}
}

func (c Call) mustBeOpen(sessionID string) error {
	if c.Session.ID != sessionID || sessionID == "" {
		return ErrSessionNotFound
	}
	if !c.Session.Open() {
		return ErrSessionEnded
	}
	return nil
}

func (c Call) mustBeInCall(sessionID, userID string) (*Participant, error) {
	if err := c.mustBeOpen(sessionID); err != nil {
		return nil, err
	}
	if p := c.Session.Participant(userID); p.InCall() {
		return p, nil
	}
	return nil, ErrParticipantNotFound
}

// millis returns a business time: UTC, rounded down to the millisecond, without a monotonic reading.
func millis(at time.Time) time.Time { return at.UTC().Truncate(time.Millisecond) }

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
