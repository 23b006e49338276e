package feed

import (
	"encoding/json"

	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/websocket"
)

// eventShape is an event as subscribers get it. Data has the shape that events of the type have today, whenever it was
// recorded.
type eventShape struct {
	Position   int64           `json:"position"`
	Type       string          `json:"type"`
	SessionID  string          `json:"sessionId"`
	Data       json.RawMessage `json:"data"`
	OccurredAt string          `json:"occurredAt"`
}

// sent is an event, encoded once for all subscribers.
type sent struct {
	position int64
	frame    websocket.Frame
}

func encode(event eventstore.Recorded) sent {
	data, err := event.Current()
	if err != nil {
		data = event.Data // of a newer program: a subscriber may know it
	}
	encoded, err := json.Marshal(eventShape{event.Position, event.Type, event.Session, data,
		event.OccurredAt.UTC().Format("2006-01-02T15:04:05.000Z")})
	if err != nil {
		panic(err) // Postgres holds data as json: it can be encoded
	}
	return sent{event.Position, websocket.Text(encoded)}
}
