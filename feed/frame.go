package feed

import (
	"encoding/json"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/websocket"
)

// sent is an event, encoded once for all subscribers.
type sent struct {
	position int64
	frame    websocket.Frame
}

func encode(event eventstore.Recorded) sent {
	encoded, err := json.Marshal(api.NewEvent(event))
	if err != nil {
		panic(err) // Postgres holds data as json: it can be encoded
	}
	return sent{event.Position, websocket.Text(encoded)}
}
