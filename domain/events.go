package domain

import "time"

// Event is an immutable fact of a call, one of the types in this file. Stored names and JSON shapes are the event
// store's business; renaming a type here changes nothing that was ever recorded.
type Event interface {
	// Session is the id of the session that the fact belongs to.
	Session() string
	// OccurredAt is the fact's business time: UTC, whole milliseconds.
	OccurredAt() time.Time
}

// Fact is what every event has: its session and its business time.
type Fact struct {
	SessionID string
	At        time.Time
}

// Session implements Event.
func (f Fact) Session() string { return f.SessionID }

// OccurredAt implements Event.
func (f Fact) OccurredAt() time.Time { return f.At }

// SessionStarted opens a chapter of the study's stream: a new session, with nobody in it yet.
type SessionStarted struct {
	Fact
	StartedBy string
}

// ParticipantJoined begins a stint, the user's first or a later one: ParticipantID is the same for all of them.
type ParticipantJoined struct {
	Fact
	ParticipantID string
	UserID        string
}

// ParticipantLeft ends a stint.
type ParticipantLeft struct {
	Fact
	UserID string
	Reason LeaveReason
}

// AudioMuted says that a participant in the call muted the microphone.
type AudioMuted struct {
	Fact
	UserID string
}

// AudioUnmuted says that a participant in the call unmuted the microphone.
type AudioUnmuted struct {
	Fact
	UserID string
}

// VideoTurnedOff says that a participant in the call turned the camera off.
type VideoTurnedOff struct {
	Fact
	UserID string
}

// VideoTurnedOn says that a participant in the call turned the camera on again.
type VideoTurnedOn struct {
	Fact
	UserID string
}

// ScreenShareStarted says that a participant in the call began to share the screen.
type ScreenShareStarted struct {
	Fact
	UserID string
}

// ScreenShareStopped says that a participant in the call stopped sharing the screen. Leaving stops it too, without
// this event.
type ScreenShareStopped struct {
	Fact
	UserID string
}

// SessionEnded closes the chapter. Its time is the session's endedAt.
type SessionEnded struct {
	Fact
	Reason EndReason
}

// LeaveReason says why a stint ended. The values are stored: they are frozen.
type LeaveReason string

// The reasons for which a stint ends.
const (
	Left         LeaveReason = "left"         // the user said so
	Disconnected LeaveReason = "disconnected" // the last connection broke and nobody came back within the grace time
	Expired      LeaveReason = "expired"      // neither a connection nor a repeated join for too long
	Removed      LeaveReason = "removed"      // no longer a member of the study
)

// clockTolerance is how far the clocks of two servers may be apart: that much earlier than the stint began, a user's own
// leave still ends it. It is far less than what a leave that was recorded late is late.
const clockTolerance = 5 * time.Second

// tolerance is how much earlier than a stint its end may seem to be. What is said of connections is said by the server
// that had them, so there it is none.
func (r LeaveReason) tolerance() time.Duration {
	if r == Left {
		return clockTolerance
	}
	return 0
}

// EndReason says why a session ended. The values are stored: they are frozen.
type EndReason string

// The reasons for which a session ends.
const (
	EveryoneLeft EndReason = "everyoneLeft"
	NobodyJoined EndReason = "expired"
)
