package eventstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/studycall/studycall/domain"
)

// eventType ties a domain event to its stored form. Name is written by hand and frozen; Schema is the version of the
// shape of the data that is written now.
type eventType struct {
	name   string
	schema int16
	decode decoder
}

// decoder makes the event of stored data. text makes the strings, so that whoever reads many events can have each
// distinct one once.
type decoder func(fact domain.Fact, data []byte, text func([]byte) string) (domain.Event, error)

// upcaster lifts the stored data of one event type from a schema version to the next.
type upcaster func(data []byte) ([]byte, error)

// upcasterKey is the stored form that an upcaster takes.
type upcasterKey struct {
	name   string
	schema int16
}

// types knows every event that was ever stored.
type types struct {
	byName    map[string]eventType
	upcasters map[upcasterKey]upcaster
}

// callEvents registers the events of calls, by name. A shape that changes gets the next schema number here and an
// upcaster from the one before; its golden file in testdata stays.
func callEvents() *types {
	t := &types{byName: map[string]eventType{}, upcasters: map[upcasterKey]upcaster{}}
	t.add("SessionStarted", 2, decodeAs(func(f domain.Fact, d userData) domain.Event {
		return domain.SessionStarted{Fact: f, StartedBy: d.UserID}
	}))
	t.upcasters[upcasterKey{"SessionStarted", 1}] = liftSessionStarted1
	t.add("ParticipantJoined", 1, decodeAs(func(f domain.Fact, d joinedData) domain.Event {
		return domain.ParticipantJoined{Fact: f, ParticipantID: d.ParticipantID, UserID: d.UserID}
	}))
	t.add("ParticipantLeft", 1, decodeAs(func(f domain.Fact, d leftData) domain.Event {
		return domain.ParticipantLeft{Fact: f, UserID: d.UserID, Reason: d.Reason}
	}))
	t.add("AudioMuted", 1, decodeAs(func(f domain.Fact, d userData) domain.Event {
		return domain.AudioMuted{Fact: f, UserID: d.UserID}
	}))
	t.add("AudioUnmuted", 1, decodeAs(func(f domain.Fact, d userData) domain.Event {
		return domain.AudioUnmuted{Fact: f, UserID: d.UserID}
	}))
	t.add("VideoTurnedOff", 1, decodeAs(func(f domain.Fact, d userData) domain.Event {
		return domain.VideoTurnedOff{Fact: f, UserID: d.UserID}
	}))
	t.add("VideoTurnedOn", 1, decodeAs(func(f domain.Fact, d userData) domain.Event {
		return domain.VideoTurnedOn{Fact: f, UserID: d.UserID}
	}))
	t.add("ScreenShareStarted", 1, decodeAs(func(f domain.Fact, d userData) domain.Event {
		return domain.ScreenShareStarted{Fact: f, UserID: d.UserID}
	}))
	t.add("ScreenShareStopped", 1, decodeAs(func(f domain.Fact, d userData) domain.Event {
		return domain.ScreenShareStopped{Fact: f, UserID: d.UserID}
	}))
	t.add("SessionEnded", 1, decodeAs(func(f domain.Fact, d endedData) domain.Event {
		return domain.SessionEnded{Fact: f, Reason: d.Reason}
	}))
	return t
}

// stored is an event in the form in which it is appended.
type stored struct {
	session  string
	name     string
	schema   int16
	data     string
	occurred time.Time
}

// encode gives an event its stored name and data.
func (t *types) encode(event domain.Event) (stored, error) {
	var name string
	var data any
	switch e := event.(type) {
	case domain.SessionStarted:
		name, data = "SessionStarted", userData{e.StartedBy}
	case domain.ParticipantJoined:
		name, data = "ParticipantJoined", joinedData{e.ParticipantID, e.UserID}
	case domain.ParticipantLeft:
		name, data = "ParticipantLeft", leftData{e.UserID, e.Reason}
	case domain.AudioMuted:
		name, data = "AudioMuted", userData{e.UserID}
	case domain.AudioUnmuted:
		name, data = "AudioUnmuted", userData{e.UserID}
	case domain.VideoTurnedOff:
		name, data = "VideoTurnedOff", userData{e.UserID}
	case domain.VideoTurnedOn:
		name, data = "VideoTurnedOn", userData{e.UserID}
	case domain.ScreenShareStarted:
		name, data = "ScreenShareStarted", userData{e.UserID}
	case domain.ScreenShareStopped:
		name, data = "ScreenShareStopped", userData{e.UserID}
	case domain.SessionEnded:
		name, data = "SessionEnded", endedData{e.Reason}
	default:
		return stored{}, fmt.Errorf("event type %T has no stored name", event)
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return stored{}, fmt.Errorf("encode %s: %w", name, err)
	}
	return stored{event.Session(), name, t.byName[name].schema, string(encoded), event.OccurredAt()}, nil
}

// choose gives the name of that one's type, and those of the known types besides, which whoever wants only that passes over.
// Where only is nil, all are wanted, and there are none.
func (t *types) choose(only domain.Event) (wanted string, unwanted []string, err error) {
	if only == nil {
		return "", nil, nil
	}
	stored, err := t.encode(only)
	if err != nil {
		return "", nil, err
	}
	for known := range t.byName {
		if known != stored.name {
			unwanted = append(unwanted, known)
		}
	}
	return stored.name, unwanted, nil
}

// UnknownEventError is an event in the log that this program cannot decode: of a type or schema that only a newer
// program knows, or with data that is not what its type holds. It is never skipped.
type UnknownEventError struct {
	Position int64
	Type     string
	Schema   int16
	Reason   error
}

// Error implements error.
func (e *UnknownEventError) Error() string {
	return fmt.Sprintf("event %d of type %s, schema %d cannot be decoded: %v", e.Position, e.Type, e.Schema, e.Reason)
}

// Unwrap gives the reason.
func (e *UnknownEventError) Unwrap() error { return e.Reason }

// decode turns stored data into the domain's event, lifting older schemas first.
func (t *types) decode(name string, schema int16, fact domain.Fact, data []byte) (domain.Event, error) {
	return t.decodeSharing([]byte(name), schema, fact, data, func(b []byte) string { return string(b) })
}

// decodeSharing is decode with strings that text makes.
func (t *types) decodeSharing(
	name []byte, schema int16, fact domain.Fact, data []byte, text func([]byte) string,
) (domain.Event, error) {
	known, ok := t.byName[string(name)]
	if !ok {
		return nil, errUnknownType
	}
	data, err := t.lift(known, schema, data)
	if err != nil {
		return nil, err
	}
	return known.decode(fact, data, text)
}

var errUnknownType = errors.New("no such type is known")

// lift brings stored data to the schema of today.
func (t *types) lift(known eventType, schema int16, data []byte) ([]byte, error) {
	for ; schema < known.schema; schema++ {
		lift, ok := t.upcasters[upcasterKey{known.name, schema}]
		if !ok {
			return nil, fmt.Errorf("no upcaster from schema %d", schema)
		}
		lifted, err := lift(data)
		if err != nil {
			return nil, fmt.Errorf("lift from schema %d: %w", schema, err)
		}
		data = lifted
	}
	if schema > known.schema {
		return nil, fmt.Errorf("the newest known schema is %d", known.schema)
	}
	return data, nil
}

func (t *types) add(name string, schema int16, decode decoder) {
	t.byName[name] = eventType{name, schema, decode}
}
