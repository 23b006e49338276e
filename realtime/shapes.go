package realtime

import (
	"encoding/json"

	"github.com/studycall/studycall/api"
)

// roomState is everybody in the room but the receiver, in the order in which they came.
type roomState struct {
	Participants []peerShape `json:"participants"`
}

type peerShape struct {
	SocketID        string              `json:"socketId"`
	UserID          string              `json:"userId"`
	User            api.PersonWithEmail `json:"user"`
	IsMuted         bool                `json:"isMuted"`
	IsVideoOff      bool                `json:"isVideoOff"`
	IsSharingScreen bool                `json:"isSharingScreen"`
	JoinedAt        api.Time            `json:"joinedAt"`
}

type userJoined struct {
	SocketID string              `json:"socketId"`
	UserID   string              `json:"userId"`
	User     api.PersonWithEmail `json:"user"`
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
	ID        string              `json:"id"`
	RoomID    string              `json:"roomId"`
	UserID    string              `json:"userId"`
	User      api.PersonWithEmail `json:"user"`
	Message   *string             `json:"message,omitempty"`
	File      json.RawMessage     `json:"file,omitempty"`
	Timestamp api.Time            `json:"timestamp"`
	SocketID  string              `json:"socketId"`
}

type studyJoined struct {
	StudyID     string `json:"studyId"`
	OnlineCount int    `json:"onlineCount"`
}

type userPresence struct {
	UserID    string              `json:"userId"`
	User      api.PersonWithEmail `json:"user"`
	Timestamp api.Time            `json:"timestamp"`
}

type videoStarted struct {
	StudyID string             `json:"studyId"`
	Session api.StartedSession `json:"session"`
}

type videoEnded struct {
	StudyID   string `json:"studyId"`
	SessionID string `json:"sessionId"`
}

type okAck struct {
	OK bool `json:"ok"`
}
