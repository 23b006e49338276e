package eventstore

import (
	"encoding/json"

	"github.com/studycall/studycall/domain"
)

// callEvents registers the events of calls. A new event is one more entry. If the shape of an event's data changes, its entry
// gets the next schema version and an upcaster from the version before; the golden files in testdata stay as they are.
func callEvents() *types {
	t := newTypes()
	register(t, "SessionStarted", 2,
		func(e domain.SessionStarted) userData { return userData{e.StartedBy} },
		func(f domain.Fact, d userData) domain.SessionStarted {
			return domain.SessionStarted{Fact: f, StartedBy: d.UserID}
		}, sessionStarted1To2)
	register(t, "ParticipantJoined", 1,
		func(e domain.ParticipantJoined) joinedData { return joinedData{e.ParticipantID, e.UserID} },
		func(f domain.Fact, d joinedData) domain.ParticipantJoined {
			return domain.ParticipantJoined{Fact: f, ParticipantID: d.ParticipantID, UserID: d.UserID}
		})
	register(t, "ParticipantLeft", 1,
		func(e domain.ParticipantLeft) leftData { return leftData{e.UserID, e.Reason} },
		func(f domain.Fact, d leftData) domain.ParticipantLeft {
			return domain.ParticipantLeft{Fact: f, UserID: d.UserID, Reason: d.Reason}
		})
	registerUserEvent[domain.AudioMuted](t, "AudioMuted")
	registerUserEvent[domain.AudioUnmuted](t, "AudioUnmuted")
	registerUserEvent[domain.VideoTurnedOff](t, "VideoTurnedOff")
	registerUserEvent[domain.VideoTurnedOn](t, "VideoTurnedOn")
	registerUserEvent[domain.ScreenShareStarted](t, "ScreenShareStarted")
	registerUserEvent[domain.ScreenShareStopped](t, "ScreenShareStopped")
	register(t, "SessionEnded", 1,
		func(e domain.SessionEnded) endedData { return endedData{e.Reason} },
		func(f domain.Fact, d endedData) domain.SessionEnded {
			return domain.SessionEnded{Fact: f, Reason: d.Reason}
		})
	return t
}

// userEvent is the shape of the events that have no data but their user.
type userEvent = struct {
	domain.Fact
	UserID string
}

// registerUserEvent registers an event of that shape.
func registerUserEvent[E interface {
	domain.Event
	~userEvent
}](t *types, name string) {
	register(t, name, 1,
		func(e E) userData { return userData{userEvent(e).UserID} },
		func(f domain.Fact, d userData) E { return E(userEvent{f, d.UserID}) })
}

// The stored data of the events: JSON objects whose keys must never change. The session and the time have columns. A unique
// string is in hardly any other event.
type (
	joinedData struct {
		ParticipantID string `json:"participantId" unique:"true"`
		UserID        string `json:"userId"`
	}
	leftData struct {
		UserID string             `json:"userId"`
		Reason domain.LeaveReason `json:"reason"`
	}
	userData struct {
		UserID string `json:"userId"`
	}
	endedData struct {
		Reason domain.EndReason `json:"reason"`
	}
)

// sessionStarted1To2 stores the user under the key that all other events have.
func sessionStarted1To2(data []byte) ([]byte, error) {
	var old struct {
		StartedBy string `json:"startedBy"`
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return nil, err
	}
	return json.Marshal(userData{UserID: old.StartedBy})
}
