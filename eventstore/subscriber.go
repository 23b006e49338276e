package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
)

// Topic is the topic that subscribers subscribe to. There is one, because there is one log.
const Topic = "events"

// Subscriber returns a Watermill subscriber that reads the log from the named checkpoint on: in order, slice by slice, each
// event exactly once. Its messages are for Handle. Subscribe to Topic once; the context of Subscribe ends the subscription,
// and must end before the subscriber or the store is closed. Several servers may subscribe under one name at the same time:
// the server that locks the checkpoint's row folds the next slice.
//
// If only is not nil, the handler gets the events of only's type and of types that this program does not know. The checkpoint
// then moves past other events about 50 ms late, and events of only's type that another server appends are about as late.
func (s *Store) Subscriber(name string, only domain.Event) (message.Subscriber, error) {
	filter, err := s.types.filter(only)
	if err != nil {
		return nil, fmt.Errorf("subscribe %s to the log: %w", name, err)
	}
	log := s.log.With("projection", name)
	c := newConsumer(s, name, filter, log)
	noDeadline := time.Duration(0) // at the deadline, watermill-sql would commit a slice that is folded in part
	subscriber, err := watermillsql.NewSubscriber(beginner{consumer: c}, watermillsql.SubscriberConfig{
		ConsumerGroup:  name,
		AckDeadline:    &noDeadline,
		SchemaAdapter:  schemaAdapter{},
		OffsetsAdapter: offsetsAdapter{},
		BackoffManager: backoffManager{c},
	}, Logger(log))
	if err != nil {
		return nil, fmt.Errorf("subscribe %s to the log: %w", name, err)
	}
	return subscriber, nil
}

// Logger passes Watermill's log lines on, at the debug level. Watermill's errors are logged by the consumer, which knows more.
func Logger(log *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(log, map[slog.Level]slog.Level{
		slog.LevelInfo:  slog.LevelDebug,
		slog.LevelError: slog.LevelDebug,
	})
}

// Apply folds consecutive events into tables, in the transaction that also moves the checkpoint past them.
type Apply func(ctx context.Context, tx pgx.Tx, events []Recorded) error

// Handle returns a Watermill handler that calls apply, for messages of this store's Subscriber. A message stands for a slice,
// because one message per event would make a subscriber slower than appends are. The events come with the message's
// transaction. As JSON in the payload they took two thirds of the CPU time of a fold.
//
// The handler returns no error if apply fails: watermill-sql answers a nack by sending the message again within the same
// transaction, which keeps the writes of the failed attempt. The slice records the error instead and is rolled back.
func (s *Store) Handle(apply Apply) message.NoPublishHandlerFunc {
	return func(msg *message.Message) error {
		found, _ := watermillsql.TxFromContext(msg.Context())
		tx, ok := found.(sliceTx)
		if !ok {
			return errors.New("the message is not from this store's subscriber")
		}
		tx.slice.apply(msg.Context(), apply)
		return nil
	}
}
