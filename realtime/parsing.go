package realtime

import (
	"encoding/json"
	"fmt"
	"slices"

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

// input is the data of a message, and the first mistake in it.
type input struct {
	names  []string
	values []json.RawMessage
	err    error
}

// parse finds the named fields of a message's data. It ignores other fields. If a name repeats, the last value counts, as in
// JavaScript.
func parse(data json.RawMessage, names ...string) *input {
	in := &input{names: names, values: make([]json.RawMessage, len(names))}
	err := rawjson.Object(data, func(name string, value json.RawMessage) {
		if i := slices.Index(names, name); i >= 0 {
			in.values[i] = value
		}
	})
	if err != nil {
		in.refuse("data", "must be an object")
	}
	return in
}

// refuse notes a mistake, unless there is an earlier one.
func (in *input) refuse(field, rule string) {
	if in.err == nil {
		in.err = api.Invalid(field, rule)
	}
}

// raw returns the value of a field; nil if it is missing.
func (in *input) raw(field string) json.RawMessage { return in.values[slices.Index(in.names, field)] }

// text returns the string of 1 to limit bytes in a field.
func (in *input) text(field string, limit int) string {
	content, err := rawjson.String(in.raw(field))
	if err != nil || content == "" || len(content) > limit {
		in.refuse(field, fmt.Sprintf("must be a string of 1 to %d bytes", limit))
	}
	return content
}

// room returns a room's id. It does not check that the room exists, or that the client is in it.
func (in *input) room() string { return in.text("roomId", roomIDLimit) }

// study returns a study's id.
func (in *input) study() string {
	studyID, err := rawjson.String(in.raw("studyId"))
	if err != nil || !membership.PossibleID(studyID) {
		in.refuse("studyId", "must be a string of 1 to 200 bytes without control characters")
	}
	return studyID
}

// parseToggle parses a room, and true or false in the field.
func parseToggle(data json.RawMessage, field string) (roomID string, on bool, err error) {
	in := parse(data, "roomId", field)
	roomID = in.room()
	value := string(in.raw(field))
	if value != "true" && value != "false" {
		in.refuse(field, "must be true or false")
	}
	return roomID, value == "true", in.err
}
