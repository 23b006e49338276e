package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// totals is a table of sums, one row for each key, to which ended sessions are added. Each row remembers the position of
// the last session in it, so that adding one again changes nothing.
type totals[K comparable, R any] struct {
	table  table
	load   string          // SQL: the rows of the given keys, with all columns
	upsert string          // SQL: one row, with all columns
	keys   func([]K) []any // the arguments of load
	empty  func(K) R       // the row before anything was added
	key    func(*R) K
	fields func(*R) []any // pointers to all columns
}

// addition adds something to the row of a key.
type addition[K comparable, R any] struct {
	key K
	add func(*R)
}

// fold adds to the rows in the database, loading and writing each in one round trip.
func (t totals[K, R]) fold(ctx context.Context, tx pgx.Tx, additions []addition[K, R]) error {
	if len(additions) == 0 {
		return nil
	}
	touched := map[K]*R{}
	var keys []K
	for _, a := range additions {
		if touched[a.key] == nil {
			row := t.empty(a.key)
			touched[a.key] = &row
			keys = append(keys, a.key)
		}
	}
	rows, err := tx.Query(ctx, t.load, t.keys(keys)...)
	if err != nil {
		return fmt.Errorf("load %s: %w", t.table.name, err)
	}
	var row R
	if _, err := pgx.ForEachRow(rows, t.fields(&row), func() error {
		*touched[t.key(&row)] = row
		return nil
	}); err != nil {
		return fmt.Errorf("load %s: %w", t.table.name, err)
	}
	for _, a := range additions {
		a.add(touched[a.key])
	}
	batch := &pgx.Batch{}
	for _, key := range keys {
		batch.Queue(t.upsert, t.fields(touched[key])...)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write %s: %w", t.table.name, err)
	}
	return nil
}
