package projections

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// totals is a table of sums, one row for each key, to which ended sessions are added. Each row remembers the position of
// the last session in it, so that adding one again changes nothing.
type totals[K comparable, R any] struct {
	table   string
	columns []string
	load    string          // SQL: the rows of the given keys, with all columns
	upsert  string          // SQL: one row, with all columns
	keys    func([]K) []any // the arguments of load
	empty   func(K) R       // the row before anything was added
	key     func(*R) K
	order   func(a, b K) int // the order of the key's columns
	fields  func(*R) []any   // pointers to all columns
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
		return fmt.Errorf("load %s: %w", t.table, err)
	}
	var row R
	if _, err := pgx.ForEachRow(rows, t.fields(&row), func() error {
		*touched[t.key(&row)] = row
		return nil
	}); err != nil {
		return fmt.Errorf("load %s: %w", t.table, err)
	}
	for _, a := range additions {
		a.add(touched[a.key])
	}
	batch := &pgx.Batch{}
	for _, key := range keys {
		batch.Queue(t.upsert, t.fields(touched[key])...)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write %s: %w", t.table, err)
	}
	return nil
}

// totalsInMemory are the rows of a table of sums while the whole log is folded.
type totalsInMemory[K comparable, R any] struct {
	of   totals[K, R]
	rows map[K]*R
}

func (t totals[K, R]) inMemory() totalsInMemory[K, R] {
	return totalsInMemory[K, R]{t, map[K]*R{}}
}

func (m totalsInMemory[K, R]) row(key K) *R {
	row, ok := m.rows[key]
	if !ok {
		empty := m.of.empty(key)
		row = &empty
		m.rows[key] = row
	}
	return row
}

// copyTo writes all rows into the empty table, in the order of their keys: rows that are read together are then stored
// together, which makes a year's statistics four times as fast.
func (m totalsInMemory[K, R]) copyTo(ctx context.Context, tx pgx.Tx) error {
	rows := slices.SortedFunc(maps.Values(m.rows), func(a, b *R) int { return m.of.order(m.of.key(a), m.of.key(b)) })
	_, err := tx.CopyFrom(ctx, pgx.Identifier{m.of.table}, m.of.columns,
		pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) { return m.of.fields(rows[i]), nil }))
	if err != nil {
		return fmt.Errorf("fill %s: %w", m.of.table, err)
	}
	return nil
}
