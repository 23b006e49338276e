package realtime

import (
	"encoding/json"
	"errors"
)

const (
	// socketIDLimit is longer than any id of ours.
	socketIDLimit = 64
	// roomIDLimit is longer than any room's: see membership.PossibleID.
	roomIDLimit = 256
)

// decode reads a message's data, which must be an object.
func decode(data json.RawMessage, into any) error {
	if len(data) == 0 || data[0] != '{' {
		return invalid("data", "must be an object")
	}
	var mistyped *json.UnmarshalTypeError
	switch err := json.Unmarshal(data, into); {
	case errors.As(err, &mistyped):
		return invalid(mistyped.Field, "must not be a "+mistyped.Value)
	case err != nil:
		return invalid("data", "must be valid JSON")
	}
	return nil
}

// parseRoom wants a room's id. Whether there is such a room, and the client in it, is another question.
func parseRoom(data json.RawMessage) (string, error) {
	var in struct {
		RoomID string `json:"roomId"`
	}
	if err := decode(data, &in); err != nil {
		return "", err
	}
	if in.RoomID == "" || len(in.RoomID) > roomIDLimit {
		return "", invalid("roomId", "must be the id of a room")
	}
	return in.RoomID, nil
}
