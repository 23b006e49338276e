package eventstore

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
)

// This file adapts a slice to the interfaces of watermill-sql. Its types hold no state and decide nothing. watermill-sql expects
// adapters that build queries and a transaction that runs them. A slice has its own queries, so the adapters build none, and
// the transaction takes each call as the next step of the slice.
//
// The embedded interfaces are nil. watermill-sql calls their other methods for publishers and to create tables, and this
// program does neither with it: Append writes the events, and migrations create the tables.

// beginner implements watermill-sql's Beginner.
type beginner struct {
	watermillsql.ContextExecutor
	consumer *consumer
}

// BeginTx begins a slice. The slice has its own transaction options.
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
