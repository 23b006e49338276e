package domain

import "time"

// Command is a request to change a study's call, one of the types in this file. At is its business time. Decide rounds At
// down to the millisecond, and replaces it by the participant's latest event time if that is later.
type Command interface {
	decide(Call) ([]Event, error)
}

// StartSession opens a session, unless one is open. SessionID is the new session's id.
type StartSession struct {
	SessionID string
	UserID    string
	At        time.Time
}

// JoinSession begins a stint of the user. ParticipantID is the id for the user's record if this is the first stint in the
// session. Capacity is the largest number of participants in the call at once, at least 1.
type JoinSession struct {
	SessionID     string
	ParticipantID string
	UserID        string
	Capacity      int
	At            time.Time
}

// LeaveSession ends the user's current stint if it began at At or before. With the reason Left, the stint may have begun up
// to five seconds after At, because the clock of another server may have set the time of the join.
type LeaveSession struct {
	SessionID string
	UserID    string
	Reason    LeaveReason
	At        time.Time
}

// SetToggle turns a toggle of a user who is in the call on or off. One participant shares at a time.
type SetToggle struct {
	SessionID string
	UserID    string
	Toggle    Toggle
	On        bool
	At        time.Time
}

// ExpireSession ends a session that no user has ever joined.
type ExpireSession struct {
	SessionID string
	At        time.Time
}
