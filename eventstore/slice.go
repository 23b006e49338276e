package eventstore

import (
	"context"
	"errors"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
)

// Apply folds consecutive events into tables, in the transaction that also moves the checkpoint past them.
type Apply func(ctx context.Context, tx pgx.Tx, events []Recorded) error

// Handle makes a Watermill handler of apply, for messages of a Subscriber of this store. A message is a slice of the log,
// some consecutive events: one event per message would make the subscriber slower than one append path can write. They come
// with the message's transaction and not in its payload: as JSON there, they took two thirds of the time that this program
// spent on a fold.
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
		if len(tx.events) > 0 { // otherwise only the checkpoint moves
			tx.work(func() error { return apply(msg.Context(), tx.tx, tx.events) })
		}
		return nil
	}
}
