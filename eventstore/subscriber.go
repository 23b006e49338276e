package eventstore

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
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

// The rest of this file adapts a slice to the interfaces of watermill-sql. Its types hold no state and decide nothing. A slice
// has its own queries, so the adapters build none, and the transaction takes each call as the next step of the slice.
//
// The embedded interfaces are nil: watermill-sql calls their other methods only for publishers and to create tables.

// beginner implements watermill-sql's Beginner.
type beginner struct {
	watermillsql.ContextExecutor
	consumer *consumer
}

// BeginTx begins a slice, which has its own transaction options.
func (b beginner) BeginTx(ctx context.Context, _ *stdsql.TxOptions) (watermillsql.Tx, error) {
	s, err := b.consumer.begin(ctx)
	if err != nil {
		return nil, err
	}
	return sliceTx{s}, nil
}

// sliceTx implements watermill-sql's Tx.
type sliceTx struct{ slice *slice }

// QueryContext reads the slice. The read is complete before watermill-sql sees a row, because watermill-sql never asks its
// rows for the error that ended them.
func (t sliceTx) QueryContext(ctx context.Context, _ string, _ ...any) (watermillsql.Rows, error) {
	if err := t.slice.read(ctx); err != nil {
		return nil, err
	}
	return &sliceRow{t.slice.last}, nil
}

// ExecContext moves the checkpoint. watermill-sql calls it once, when the handler has acknowledged the message.
func (t sliceTx) ExecContext(ctx context.Context, _ string, _ ...any) (watermillsql.Result, error) {
	return watermillsql.PgxResult{}, t.slice.move(ctx)
}

// Commit implements watermill-sql's Tx.
func (t sliceTx) Commit() error { return t.slice.commit() }

// Rollback implements watermill-sql's Tx.
func (t sliceTx) Rollback() error { return t.slice.rollback() }

// sliceRow implements watermill-sql's Rows: one row with the last position of a slice, or no row if the position is 0.
type sliceRow struct{ position int64 }

// Next reports whether there is a row that Scan has not returned.
func (r *sliceRow) Next() bool { return r.position > 0 }

// Scan returns the position.
func (r *sliceRow) Scan(dest ...any) error {
	*dest[0].(*int64) = r.position //nolint:forcetypeassert // UnmarshalMessage is the only caller
	r.position = 0
	return nil
}

// Close has nothing to release: slice.read has closed the rows of the query.
func (r *sliceRow) Close() error { return nil }

// backoffManager implements watermill-sql's BackoffManager.
type backoffManager struct{ consumer *consumer }

// HandleError records an error that no step of the slice has recorded. It returns no delay, because consumer.begin waits.
func (m backoffManager) HandleError(_ watermill.LoggerAdapter, _ bool, err error) time.Duration {
	if last := m.consumer.last; last != nil && last.err == nil {
		last.err = err
	}
	return 0
}

// schemaAdapter implements watermill-sql's SchemaAdapter.
type schemaAdapter struct{ watermillsql.SchemaAdapter }

// SubscribeIsolationLevel is for BeginTx, which ignores it: beginSQL has the isolation level.
func (schemaAdapter) SubscribeIsolationLevel() stdsql.IsolationLevel {
	return stdsql.LevelReadCommitted
}

// SelectQuery builds no query: slice.read has it.
func (schemaAdapter) SelectQuery(watermillsql.SelectQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, nil
}

// UnmarshalMessage makes a message without a payload for the row of a slice.
func (schemaAdapter) UnmarshalMessage(p watermillsql.UnmarshalMessageParams) (watermillsql.Row, error) {
	var row watermillsql.Row
	if err := p.Row.Scan(&row.Offset); err != nil {
		return row, fmt.Errorf("read a slice of the log: %w", err)
	}
	row.Msg = message.NewMessage(strconv.FormatInt(row.Offset, 10), nil)
	return row, nil
}

// offsetsAdapter implements watermill-sql's OffsetsAdapter.
type offsetsAdapter struct{ watermillsql.OffsetsAdapter }

// BeforeSubscribingQueries builds no queries: EnsureCheckpoint creates the checkpoint's row.
func (offsetsAdapter) BeforeSubscribingQueries(watermillsql.BeforeSubscribingQueriesParams) ([]watermillsql.Query, error) {
	return nil, nil
}

// ConsumedMessageQuery builds no query: nothing runs between the read and the handler.
func (offsetsAdapter) ConsumedMessageQuery(watermillsql.ConsumedMessageQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, nil
}

// AckMessageQuery builds no query: slice.move has it.
func (offsetsAdapter) AckMessageQuery(watermillsql.AckMessageQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, nil
}
