package realtime

import (
	"encoding/json"
	"fmt"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/rawjson"
)

const (
	// socketIDLimit is longer than any socket id that this server makes, in bytes.
	socketIDLimit = 64
	// roomIDLimit is longer than any room id, in bytes: see membership.PossibleID.
	roomIDLimit = 256
)

// fields returns the raw values of the named fields of a message's data, in the order of the names; nil for a missing field. Other
// fields are ignored. If a name repeats, the last value counts, as in JavaScript.
func fields(data json.RawMessage, names ...string) ([]json.RawMessage, error) {
	values := make([]json.RawMessage, len(names))
	err := rawjson.Object(data, func(name string, value json.RawMessage) {
		for i := range names {
			if name == names[i] {
				values[i] = value
			}
		}
	})
	if err != nil {
		return nil, api.Invalid("data", "must be an object")
	}
	return values, nil
}

// text parses the string of 1 to limit bytes in a field.
func text(field string, value json.RawMessage, limit int) (string, error) {
	content, err := rawjson.String(value)
	if err != nil || content == "" || len(content) > limit {
		return "", api.Invalid(field, fmt.Sprintf("must be a string of 1 to %d bytes", limit))
	}
	return content, nil
}

// parseRoom parses a room's id. It does not check that the room exists, or that the client is in it.
func parseRoom(data json.RawMessage) (string, error) {
	values, err := fields(data, "roomId")
	if err != nil {
		return "", err
	}
	return text("roomId", values[0], roomIDLimit)
}

// parseStudyID parses a study's id.
func parseStudyID(value json.RawMessage) (string, error) {
	studyID, err := rawjson.String(value)
	if err != nil || !membership.PossibleID(studyID) {
		return "", api.Invalid("studyId", "must be a string of 1 to 200 bytes without control characters")
	}
	return studyID, nil
}

// parseToggle parses a room, and true or false in the field.
func parseToggle(data json.RawMessage, field string) (roomID string, on bool, err error) {
	values, err := fields(data, "roomId", field)
	if err != nil {
		return "", false, err
	}
	if roomID, err = text("roomId", values[0], roomIDLimit); err != nil {
		return "", false, err
	}
	switch string(values[1]) {
	case "true":
		return roomID, true, nil
	case "false":
		return roomID, false, nil
	default:
		return "", false, api.Invalid(field, "must be true or false")
	}
}
