package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// instant is a time as clients get it: UTC with exactly three decimals; null when it is zero.
type instant time.Time

// MarshalJSON implements json.Marshaler.
func (i instant) MarshalJSON() ([]byte, error) {
	at := time.Time(i)
	if at.IsZero() {
		return []byte("null"), nil
	}
	return []byte(at.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// person is a user as others see them. The name of a user who is gone is null.
type person struct {
	ID     string  `json:"id"`
	Name   *string `json:"name"`
	Avatar *string `json:"avatar"`
}

// people are the users whom an answer speaks of, by id.
type people map[string]membership.User

// person finds a user who may be gone.
func (p people) person(id string) person {
	user := p[id]
	found := person{ID: id, Avatar: user.Avatar}
	if user.Name != "" {
		found.Name = &user.Name
	}
	return found
}

// lookUp reads the names and avatars of now.
func (s *server) lookUp(ctx context.Context, ids []string) (people, error) {
	users, err := s.Users.Users(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("look up who is in the answer: %w", err)
	}
	return users, nil
}

// sessionFields are what every answer says of a session, first.
type sessionFields struct {
	ID        string  `json:"id"`
	StudyID   string  `json:"studyId"`
	RoomID    string  `json:"roomId"`
	StartedBy string  `json:"startedBy"`
	StartedAt instant `json:"startedAt"`
	EndedAt   instant `json:"endedAt"`
	Duration  *int64  `json:"duration"` // in seconds; null while it is open
}

func fieldsOf(studyID string, session domain.Session) sessionFields {
	fields := sessionFields{
		ID:        session.ID,
		StudyID:   studyID,
		RoomID:    domain.RoomID(studyID),
		StartedBy: session.StartedBy,
		StartedAt: instant(session.StartedAt),
		EndedAt:   instant(session.EndedAt),
	}
	if !session.Open() {
		seconds := domain.Seconds(session.Duration())
		fields.Duration = &seconds
	}
	return fields
}

// participantDetail is all that an answer can say of a participant.
type participantDetail struct {
	ID               string  `json:"id"`
	SessionID        string  `json:"sessionId"`
	UserID           string  `json:"userId"`
	JoinedAt         instant `json:"joinedAt"`
	LeftAt           instant `json:"leftAt"`
	Duration         *int64  `json:"duration"` // in seconds; null while in the call
	AudioMutedTime   int64   `json:"audioMutedTime"`
	VideoOffTime     int64   `json:"videoOffTime"`
	ScreenSharedTime int64   `json:"screenSharedTime"`
	User             person  `json:"user"`
}

func detailOf(sessionID string, p domain.Participant, known people) participantDetail {
	detail := participantDetail{
		ID:               p.ID,
		SessionID:        sessionID,
		UserID:           p.UserID,
		JoinedAt:         instant(p.JoinedAt),
		LeftAt:           instant(p.LeftAt),
		AudioMutedTime:   p.Muted.Seconds(),
		VideoOffTime:     p.CameraOff.Seconds(),
		ScreenSharedTime: p.Sharing.Seconds(),
		User:             known.person(p.UserID),
	}
	if !p.InCall() {
		seconds := p.Present.Seconds()
		detail.Duration = &seconds
	}
	return detail
}
