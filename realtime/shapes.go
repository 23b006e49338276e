package realtime

import (
	"encoding/json"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// instant is a time as clients get it: UTC with exactly three decimals.
type instant time.Time

// MarshalJSON implements json.Marshaler.
func (i instant) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(i).UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// personShape is a user as others in a call see them. What is not known is null.
type personShape struct {
	ID     string  `json:"id"`
	Name   *string `json:"name"`
	Email  *string `json:"email"`
	Avatar *string `json:"avatar"`
}

func shapeOf(id string, u membership.User) personShape {
	shape := personShape{ID: id, Avatar: u.Avatar}
	if u.Name != "" {
		shape.Name = &u.Name
	}
	if u.Email != "" {
		shape.Email = &u.Email
	}
	return shape
}

// roomState is everybody in the room but the receiver, in the order in which they came.
type roomState struct {
	Participants []peerShape `json:"participants"`
}

type peerShape struct {
	SocketID        string      `json:"socketId"`
	UserID          string      `json:"userId"`
	User            personShape `json:"user"`
	IsMuted         bool        `json:"isMuted"`
	IsVideoOff      bool        `json:"isVideoOff"`
	IsSharingScreen bool        `json:"isSharingScreen"`
	JoinedAt        instant     `json:"joinedAt"`
}

type userJoined struct {
	SocketID string      `json:"socketId"`
	UserID   string      `json:"userId"`
	User     personShape `json:"user"`
}

// peer names a socket and its user: the whole of user-left, screen-share-started and screen-share-stopped.
type peer struct {
	SocketID string `json:"socketId"`
	UserID   string `json:"userId"`
}

type screenShare struct {
	peer
	IsSharing bool `json:"isSharing"`
}

// saidInRoom is a message, or a file, that a member says something about: the other one is left out.
type saidInRoom struct {
	ID        string          `json:"id"`
	RoomID    string          `json:"roomId"`
	UserID    string          `json:"userId"`
	User      personShape     `json:"user"`
	Message   *string         `json:"message,omitempty"`
	File      json.RawMessage `json:"file,omitempty"`
	Timestamp instant         `json:"timestamp"`
	SocketID  string          `json:"socketId"`
}

type studyJoined struct {
	StudyID     string `json:"studyId"`
	OnlineCount int    `json:"onlineCount"`
}

type userPresence struct {
	UserID    string      `json:"userId"`
	User      personShape `json:"user"`
	Timestamp instant     `json:"timestamp"`
}

type videoStarted struct {
	StudyID string       `json:"studyId"`
	Session sessionShape `json:"session"`
}

type videoEnded struct {
	StudyID   string `json:"studyId"`
	SessionID string `json:"sessionId"`
}

// sessionShape is a session that has just started, in the shape in which REST gives it.
type sessionShape struct {
	ID        string       `json:"id"`
	StudyID   string       `json:"studyId"`
	RoomID    string       `json:"roomId"`
	StartedBy string       `json:"startedBy"`
	StartedAt instant      `json:"startedAt"`
	EndedAt   *instant     `json:"endedAt"`
	Duration  *int64       `json:"duration"`
	Starter   starterShape `json:"starter"`
}

type starterShape struct {
	ID     string  `json:"id"`
	Name   *string `json:"name"`
	Avatar *string `json:"avatar"`
}

type errorShape struct {
	Message string         `json:"message"`
	Code    domain.Code    `json:"code"`
	Details map[string]any `json:"details,omitempty"`
}

type okAck struct {
	OK bool `json:"ok"`
}

type refusedAck struct {
	OK      bool           `json:"ok"`
	Code    domain.Code    `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}
