package domain

import "time"

// Event is an immutable fact of a call, one of the types in this file. The event store defines the stored names and JSON
// shapes: renaming a type here changes no stored event.
type Event interface {
	// Session returns the id of the session that the event belongs to.
	Session() string
	// OccurredAt returns the event's business time: UTC, whole milliseconds.
	OccurredAt() time.Time
}

// Fact holds the fields of every event: its session and its business time.
type Fact struct {
	SessionID string
	At        time.Time
}

// Session implements Event.
func (f Fact) Session() string { return f.SessionID }

// OccurredAt implements Event.
func (f Fact) OccurredAt() time.Time { return f.At }

// SessionStarted opens a chapter of the study's stream: a new session without participants.
type SessionStarted struct {
	Fact
	StartedBy string
}

// ParticipantJoined begins a stint. ParticipantID is the same for all stints of the user in the session.
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

// AudioMuted records that a participant in the call muted the microphone.
type AudioMuted struct {
	Fact
	UserID string
}

// AudioUnmuted records that a participant in the call unmuted the microphone.
type AudioUnmuted struct {
	Fact
	UserID string
}

// VideoTurnedOff records that a participant in the call turned the camera off.
type VideoTurnedOff struct {
	Fact
	UserID string
}

// VideoTurnedOn records that a participant in the call turned the camera on again.
type VideoTurnedOn struct {
	Fact
	UserID string
}

// ScreenShareStarted records that a participant in the call began to share the screen.
type ScreenShareStarted struct {
	Fact
	UserID string
}

// ScreenShareStopped records that a participant in the call stopped sharing the screen. A leave stops the share as well,
// without this event.
type ScreenShareStopped struct {
	Fact
	UserID string
}

// SessionEnded closes the chapter. Its time is the session's end.
type SessionEnded struct {
	Fact
	Reason EndReason
}

// LeaveReason is the reason for the end of a stint. The values are stored and never change.
type LeaveReason string

// The reasons for the end of a stint.
const (
	Left         LeaveReason = "left"         // the user left
	Disconnected LeaveReason = "disconnected" // the last connection broke, and the user did not reconnect within the grace time
	Expired      LeaveReason = "expired"      // no connection and no repeated join for too long
	Removed      LeaveReason = "removed"      // the user is no longer a member of the study
)

// clockTolerance is the largest accepted difference between the clocks of two servers. A user's own leave ends a stint that
// began up to this much later. It is far shorter than the delay of a leave that was recorded late.
const clockTolerance = 5 * time.Second

// tolerance is how much earlier than the start of a stint its end may be. It is zero for the reasons that come from a
// connection, because the server that had the connection sets both times.
func (r LeaveReason) tolerance() time.Duration {
	if r == Left {
		return clockTolerance
	}
	return 0
}

// EndReason is the reason for the end of a session. The values are stored and never change.
type EndReason string

// The reasons for the end of a session.
const (
	EveryoneLeft EndReason = "everyoneLeft"
	NobodyJoined EndReason = "expired"
)
