package eventstore

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/studycall/studycall/domain"
)

// Recorded is an event as the log holds it.
type Recorded struct {
	Position   int64
	Stream     string
	Version    int64
	Session    string
	Type       string
	Schema     int16
	Data       json.RawMessage
	OccurredAt time.Time // business time, UTC
	RecordedAt time.Time // the database's clock, UTC

	types *types
}

const streamPrefix = "call-"

// Stream returns the id of a study's stream.
func Stream(studyID string) string { return streamPrefix + studyID }

// Study returns the id of the study whose stream holds the event.
func (r Recorded) Study() string { return strings.TrimPrefix(r.Stream, streamPrefix) }

// Current returns the event's data in the shape that is written now. The error is an *UnknownEventError.
func (r Recorded) Current() (json.RawMessage, error) {
	_, data, err := r.types.current([]byte(r.Type), r.Schema, r.Data)
	if err != nil {
		return nil, &UnknownEventError{r.Position, r.Type, r.Schema, err}
	}
	return data, nil
}

// Event decodes the event. The error is an *UnknownEventError.
func (r Recorded) Event() (domain.Event, error) {
	fact := domain.Fact{SessionID: r.Session, At: r.OccurredAt}
	event, err := r.types.decode([]byte(r.Type), r.Schema, fact, r.Data, func(b []byte) string { return string(b) })
	if err != nil {
		return nil, &UnknownEventError{r.Position, r.Type, r.Schema, err}
	}
	return event, nil
}
