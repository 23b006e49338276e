package eventstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
)

// slice is the payload of a message: consecutive events of the log. One event per message would make the subscriber
// slower than one append path can write.
type slice []sliceEvent

// sliceEvent is an event in the JSON that sliceSQL builds.
type sliceEvent struct {
	Position   int64           `json:"position"`
	Stream     string          `json:"stream_id"`
	Version    int64           `json:"version"`
	Session    string          `json:"session_id"`
	Type       string          `json:"type"`
	Schema     int16           `json:"schema"`
	Data       json.RawMessage `json:"data"`
	OccurredAt time.Time       `json:"occurred_at"`
	RecordedAt time.Time       `json:"recorded_at"`
}

// Apply folds consecutive events into tables, in the transaction that also moves the checkpoint past them.
type Apply func(ctx context.Context, tx pgx.Tx, events []Recorded) error

// Handle makes a Watermill handler of apply, for messages of a Subscriber of this store.
//
// It never returns an error: watermill-sql answers a nack by sending the message again within the same transaction,
// which keeps what the failed attempt wrote. Instead the transaction is marked as failed, is rolled back, and the
// events are read anew, after a pause, in smaller slices.
func (s *Store) Handle(apply Apply) message.NoPublishHandlerFunc {
	return func(msg *message.Message) error {
		found, _ := watermillsql.TxFromContext(msg.Context())
		tx, ok := found.(*sliceTx)
		if !ok {
			return errors.New("the message is not of this store's subscriber")
		}
		tx.work(func() error {
			events, err := s.decodeSlice(msg.Payload)
			if err != nil {
				return err
			}
			return apply(msg.Context(), tx.tx, events)
		})
		return nil
	}
}

func (s *Store) decodeSlice(payload []byte) ([]Recorded, error) {
	var decoded slice
	if err := json.Unmarshal(payload, &decoded); err != nil {
		return nil, fmt.Errorf("decode a slice of the log: %w", err)
	}
	events := make([]Recorded, len(decoded))
	for i, e := range decoded {
		events[i] = Recorded{e.Position, e.Stream, e.Version, e.Session, e.Type, e.Schema, e.Data,
			e.OccurredAt.UTC(), e.RecordedAt.UTC(), s.types}
	}
	return events, nil
}
