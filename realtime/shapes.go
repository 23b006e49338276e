package realtime

import (
	"encoding/json"

	"github.com/studycall/studycall/api"
)

// roomState lists the sockets in the room except the receiver's, in the order in which they entered.
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

// peer identifies a socket and its user. It is all the data of user-left, screen-share-started and screen-share-stopped.
type peer struct {
	SocketID string `json:"socketId"`
	UserID   string `json:"userId"`
}

type screenShare struct {
	peer
	IsSharing bool `json:"isSharing"`
}

// chatShape is a chat message or the description of a file. The absent one is left out.
type chatShape struct {
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
