package api

import (
	"encoding/json"
	"time"

	"github.com/studycall/studycall/eventstore"
)

// Event is a recorded event as subscribers of a feed get it.
type Event struct {
	Position   int64           `json:"position"`
	Type       string          `json:"type"`
	SessionID  string          `json:"sessionId"`
	Data       json.RawMessage `json:"data"`
	OccurredAt Time            `json:"occurredAt"`
}

// NewEvent shapes an event. Data is in the current schema of the event's type, whichever schema was recorded. An event of a
// type that only a newer program knows keeps its data as recorded, because the subscriber may know the type.
func NewEvent(recorded eventstore.Recorded) Event {
	data, err := recorded.Current()
	if err != nil {
		data = recorded.Data
	}
	return Event{recorded.Position, recorded.Type, recorded.Session, data, Time(recorded.OccurredAt)}
}

// LogEntry is an event as it was recorded, as the command line prints it.
type LogEntry struct {
	Position   int64           `json:"position"`
	StudyID    string          `json:"studyId"`
	Version    int64           `json:"version"`
	SessionID  string          `json:"sessionId"`
	Type       string          `json:"type"`
	Schema     int16           `json:"schema"`
	Data       json.RawMessage `json:"data"`
	OccurredAt Time            `json:"occurredAt"`
	RecordedAt time.Time       `json:"recordedAt"` // with all decimals that the database has
}

// NewLogEntry shapes an event.
func NewLogEntry(recorded eventstore.Recorded) LogEntry {
	return LogEntry{
		recorded.Position, recorded.Study(), recorded.Version, recorded.Session, recorded.Type, recorded.Schema,
		recorded.Data, Time(recorded.OccurredAt), recorded.RecordedAt.UTC(),
	}
}
