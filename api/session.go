package api

import (
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// Session holds the fields with which every answer about a session begins.
type Session struct {
	ID        string `json:"id"`
	StudyID   string `json:"studyId"`
	RoomID    string `json:"roomId"`
	StartedBy string `json:"startedBy"`
	StartedAt Time   `json:"startedAt"`
	EndedAt   Time   `json:"endedAt"`
	Duration  *int64 `json:"duration"` // seconds; null while the session is open
}

// NewSession shapes a session of the study.
func NewSession(studyID string, session domain.Session) Session {
	shape := Session{
		ID:        session.ID,
		StudyID:   studyID,
		RoomID:    domain.RoomID(studyID),
		StartedBy: session.StartedBy,
		StartedAt: Time(session.StartedAt),
		EndedAt:   Time(session.EndedAt),
	}
	if !session.Open() {
		shape.Duration = new(domain.Seconds(session.Duration()))
	}
	return shape
}

// StartedSession is a session with the person who started it.
type StartedSession struct {
	Session
	Starter Person `json:"starter"`
}

// NewStartedSession shapes a session of the study, whose starter is among the people.
func NewStartedSession(studyID string, session domain.Session, people People) StartedSession {
	return StartedSession{NewSession(studyID, session), people.Person(session.StartedBy)}
}

// Participation holds the fields with which every answer about a participant begins.
type Participation struct {
	ID        string `json:"id"`
	SessionID string `json:"sessionId"`
	UserID    string `json:"userId"`
	JoinedAt  Time   `json:"joinedAt"`
	LeftAt    Time   `json:"leftAt"`
}

// NewParticipation shapes a participant of the session.
func NewParticipation(sessionID string, p domain.Participant) Participation {
	return Participation{ID: p.ID, SessionID: sessionID, UserID: p.UserID, JoinedAt: Time(p.JoinedAt), LeftAt: Time(p.LeftAt)}
}

// Participant is a participant with all totals. Totals are in seconds.
type Participant struct {
	Participation
	Duration         *int64 `json:"duration"` // null while the participant is in the call
	AudioMutedTime   int64  `json:"audioMutedTime"`
	VideoOffTime     int64  `json:"videoOffTime"`
	ScreenSharedTime int64  `json:"screenSharedTime"`
	User             Person `json:"user"`
}

// NewParticipant shapes a participant of the session, whose user is among the people.
func NewParticipant(sessionID string, p domain.Participant, people People) Participant {
	shape := Participant{
		Participation:    NewParticipation(sessionID, p),
		AudioMutedTime:   p.Muted.Seconds(),
		VideoOffTime:     p.CameraOff.Seconds(),
		ScreenSharedTime: p.Sharing.Seconds(),
		User:             people.Person(p.UserID),
	}
	if !p.InCall() {
		shape.Duration = new(p.Present.Seconds())
	}
	return shape
}

// Person is a user as REST shows users. The name of a deleted user is null.
type Person struct {
	ID     string  `json:"id"`
	Name   *string `json:"name"`
	Avatar *string `json:"avatar"`
}

// PersonWithEmail is a user as the sockets show users to each other.
type PersonWithEmail struct {
	ID     string  `json:"id"`
	Name   *string `json:"name"`
	Email  *string `json:"email"`
	Avatar *string `json:"avatar"`
}

// NewPersonWithEmail shapes the user with the id. The zero User is a deleted user.
func NewPersonWithEmail(id string, user membership.User) PersonWithEmail {
	return PersonWithEmail{ID: id, Name: nullable(user.Name), Email: nullable(user.Email), Avatar: user.Avatar}
}

// People are the users that an answer names, by id. Deleted users are missing.
type People map[string]membership.User

// Person shapes the user with the id.
func (p People) Person(id string) Person {
	return Person{ID: id, Name: nullable(p[id].Name), Avatar: p[id].Avatar}
}

// nullable returns nil for the empty string.
func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Time is a time in the form in which clients get it: UTC with exactly three decimals, such as 2025-11-19T10:30:00.000Z.
// The zero Time is null in JSON.
type Time time.Time

// String formats the time.
func (t Time) String() string { return time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z") }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + t.String() + `"`), nil
}
