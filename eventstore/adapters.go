package eventstore

import (
	stdsql "database/sql"
	"fmt"
	"strconv"
	"time"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
)

// sliceSchema is watermill-sql's SchemaAdapter over the log: what to read.
type sliceSchema struct{ feed *sliceFeed }

// The row of the checkpoint is the lock. The events after it are read by position alone, which is one range of the
// primary key.
const sliceSQL = `
	with checkpoint as (select position from checkpoints where name = $1 for update skip locked)
	select ` + recordedColumns + `
	from events e where e.position > (select position from checkpoint) order by e.position limit $2`

// Of a slice, the events but those of some types, and the last one of all, whatever it is: up to there the slice has been
// dealt with.
const sliceWithoutSQL = `
	with checkpoint as (select position from checkpoints where name = $1 for update skip locked),
	slice as (select max(p.position) as last from (select e.position from events e
		where e.position > (select position from checkpoint) order by e.position limit $2) p)
	select ` + recordedColumns + `
	from events e where e.position > (select position from checkpoint) and e.position <= (select last from slice)
		and (e.type <> all ($3) or e.position = (select last from slice)) order by e.position`

// SelectQuery implements SchemaAdapter.
func (s sliceSchema) SelectQuery(watermillsql.SelectQueryParams) (watermillsql.Query, error) {
	f := s.feed
	f.called, f.pace = f.store.calls.wait(), pace{read: time.Now()}
	f.seen, _ = f.store.head.current()
	if f.only == "" {
		return watermillsql.Query{Query: sliceSQL, Args: []any{f.name, f.limit.Load()}}, nil
	}
	return watermillsql.Query{Query: sliceWithoutSQL, Args: []any{f.name, f.limit.Load(), f.unwanted}}, nil
}

// UnmarshalMessage implements SchemaAdapter. The message carries its position; the events are in its transaction.
func (s sliceSchema) UnmarshalMessage(p watermillsql.UnmarshalMessageParams) (watermillsql.Row, error) {
	var row watermillsql.Row
	if err := p.Row.Scan(&row.Offset); err != nil {
		return row, fmt.Errorf("read a slice of the log: %w", err)
	}
	row.Msg = message.NewMessage(strconv.FormatInt(row.Offset, 10), nil)
	return row, nil
}

// SubscribeIsolationLevel implements SchemaAdapter; beginSlice decides it.
func (s sliceSchema) SubscribeIsolationLevel() stdsql.IsolationLevel {
	return stdsql.LevelReadCommitted
}

// SchemaInitializingQueries implements SchemaAdapter; migrations make the tables.
func (s sliceSchema) SchemaInitializingQueries(
	watermillsql.SchemaInitializingQueriesParams,
) ([]watermillsql.Query, error) {
	return nil, nil
}

// InsertQuery implements SchemaAdapter, which has it for publishers only.
func (s sliceSchema) InsertQuery(watermillsql.InsertQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, errLogIsOurs
}

// sliceOffsets is watermill-sql's OffsetsAdapter over the checkpoints.
type sliceOffsets struct{ feed *sliceFeed }

const ackSQL = `update checkpoints set position = $1, error = null, updated_at = now() where name = $2`

// AckMessageQuery implements OffsetsAdapter.
func (o sliceOffsets) AckMessageQuery(p watermillsql.AckMessageQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{Query: ackSQL, Args: []any{p.LastRow.Offset, o.feed.name}}, nil
}

// NextOffsetQuery implements OffsetsAdapter; it is part of sliceSQL.
func (o sliceOffsets) NextOffsetQuery(watermillsql.NextOffsetQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, nil
}

// ConsumedMessageQuery implements OffsetsAdapter; there is nothing to do before a slice is handled.
func (o sliceOffsets) ConsumedMessageQuery(watermillsql.ConsumedMessageQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, nil
}

// BeforeSubscribingQueries implements OffsetsAdapter; whoever makes the tables makes the row.
func (o sliceOffsets) BeforeSubscribingQueries(
	watermillsql.BeforeSubscribingQueriesParams,
) ([]watermillsql.Query, error) {
	return nil, nil
}

// SchemaInitializingQueries implements OffsetsAdapter; migrations make the tables.
func (o sliceOffsets) SchemaInitializingQueries(
	watermillsql.OffsetsSchemaInitializingQueriesParams,
) ([]watermillsql.Query, error) {
	return nil, nil
}
