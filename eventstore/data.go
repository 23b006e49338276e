package eventstore

import (
	"encoding/json"
	"fmt"

	"github.com/studycall/studycall/domain"
)

// The stored data of the events: JSON objects with these keys, frozen. Session and time have columns of their own.
type (
	joinedData struct {
		ParticipantID string `json:"participantId"`
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

// Strings of which there are few come from text; those that hardly any other event has are made.

func (d *joinedData) set(key, value []byte, text func([]byte) string) bool {
	switch string(key) {
	case "participantId":
		d.ParticipantID = string(value)
	case "userId":
		d.UserID = text(value)
	default:
		return false
	}
	return true
}

func (d *leftData) set(key, value []byte, text func([]byte) string) bool {
	switch string(key) {
	case "userId":
		d.UserID = text(value)
	case "reason":
		d.Reason = domain.LeaveReason(text(value))
	default:
		return false
	}
	return true
}

func (d *userData) set(key, value []byte, text func([]byte) string) bool {
	if string(key) != "userId" {
		return false
	}
	d.UserID = text(value)
	return true
}

func (d *endedData) set(key, value []byte, text func([]byte) string) bool {
	if string(key) != "reason" {
		return false
	}
	d.Reason = domain.EndReason(text(value))
	return true
}

// settable is a pointer to the data of an event. set sets a field by its key, and reports whether there is such a field.
type settable interface {
	set(key, value []byte, text func([]byte) string) bool
}

// decodeAs decodes data of the shape D and builds the event of it. If *D is settable, flat data takes the fast path.
func decodeAs[D any](build func(domain.Fact, D) domain.Event) decoder {
	return func(fact domain.Fact, raw []byte, text func([]byte) string) (domain.Event, error) {
		var data D
		if fields, ok := any(&data).(settable); ok && parseFlat(raw, fields, text) {
			return build(fact, data), nil
		}
		data = *new(D)
		if err := json.Unmarshal(raw, &data); err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		return build(fact, data), nil
	}
}

// parseFlat reads a JSON object in which every key is known, every value is a string, and no string holds an escape: what
// nearly all stored data is. It reports whether the data was that; if not, encoding/json has to look. A rebuild decodes
// millions of events: this is several times as fast.
func parseFlat(data []byte, into settable, text func([]byte) string) bool {
	before := byte('{')
	for {
		if len(data) == 0 || data[0] != before {
			return false
		}
		key, rest, ok := plainString(data[1:])
		if !ok || len(rest) == 0 || rest[0] != ':' {
			return false
		}
		value, rest, ok := plainString(rest[1:])
		if !ok || !into.set(key, value, text) {
			return false
		}
		if len(rest) == 1 && rest[0] == '}' {
			return true
		}
		data, before = rest, ','
	}
}

// plainString reads a JSON string of printable ASCII without an escape.
func plainString(data []byte) (value, rest []byte, ok bool) {
	if len(data) == 0 || data[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			return data[1:i], data[i+1:], true
		case c == '\\' || c < ' ' || c > '~':
			return nil, nil, false
		}
	}
	return nil, nil, false
}
