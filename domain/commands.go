package domain

import "time"

// Command is a wish about a study's call, one of the types in this file. At is the business time at which it was
// made; Decide rounds it down to the millisecond and never lets it run backwards for a participant.
type Command interface {
	decide(Call) ([]Event, error)
}

// StartSession opens a session with the given new id, unless one is open.
type StartSession struct {
	SessionID string
	UserID    string
	At        time.Time
}

// JoinSession begins a stint of the user. ParticipantID is the new id to use if this is the user's first.
// Capacity is how many may be in the call at once, at least 1.
type JoinSession struct {
	SessionID     string
	ParticipantID string
	UserID        string
	Capacity      int
	At            time.Time
}

// LeaveSession ends the user's stint that was going on at At: one that began later stays. For the reason Left, whose time
// may be another server's than the join's, that is five seconds later.
type LeaveSession struct {
	SessionID string
	UserID    string
	Reason    LeaveReason
	At        time.Time
}

// SetAudio mutes or unmutes the user's microphone.
type SetAudio struct {
	SessionID string
	UserID    string
	Muted     bool
	At        time.Time
}

// SetVideo turns the user's camera off or on.
type SetVideo struct {
	SessionID string
	UserID    string
	Off       bool
	At        time.Time
}

// SetScreenShare starts or stops sharing the user's screen. One participant shares at a time.
type SetScreenShare struct {
	SessionID string
	UserID    string
	Sharing   bool
	At        time.Time
}

// ExpireSession closes a session that nobody ever joined.
type ExpireSession struct {
	SessionID string
	At        time.Time
}
