package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Difference is one value that the live tables have otherwise than a fold of the log. A row that only one of the two has
// is one difference, with an empty Column, and null for the value of the one that lacks it.
type Difference struct {
	Projection string
	Table      string
	Key        json.RawMessage // of the row: an object of its key's columns
	Column     string
	Live       json.RawMessage
	Rebuilt    json.RawMessage
}

// Verify folds the log anew beside the live tables, and tells each difference between the two, as of the same position,
// which the live fold goes on from meanwhile. It changes nothing. The error is ErrRebuilding where another process is at it.
func (r *Rebuilder) Verify(ctx context.Context, tell func(Difference), projections ...Projection) error {
	return r.beside(ctx, projections, r.livePosition, func(ctx context.Context, claim *pgx.Conn, p Projection, position int64) error {
		// One snapshot for the live tables, their checkpoint and the log.
		err := pgx.BeginTxFunc(ctx, claim, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
			return r.compare(ctx, tx, p, position, tell)
		})
		if err != nil {
			return fmt.Errorf("verify %s: %w", p.Name(), err)
		}
		return nil
	})
}

const livePositionSQL = `select coalesce((select position from public.checkpoints where name = $1), -1)`

// livePosition is how far the live tables are.
func (r *Rebuilder) livePosition(ctx context.Context, p Projection) (int64, error) {
	var position int64
	err := r.pool.QueryRow(ctx, livePositionSQL, checkpointName(p)).Scan(&position)
	if err == nil && position < 0 {
		err = errNotOurTables
	}
	if err != nil {
		return 0, fmt.Errorf("verify %s: %w", p.Name(), err)
	}
	return position, nil
}

func (r *Rebuilder) compare(ctx context.Context, tx pgx.Tx, p Projection, position int64, tell func(Difference)) error {
	var live int64
	if err := tx.QueryRow(ctx, livePositionSQL, checkpointName(p)).Scan(&live); err != nil {
		return err
	}
	if live < position {
		return fmt.Errorf("the live tables went back from %d to %d: %w", position, live, ErrRebuilding)
	}
	if err := r.foldRest(ctx, tx, p, position, live); err != nil {
		return err
	}
	found, err := tablesIn(ctx, tx, p.Name())
	if err != nil {
		return err
	}
	tables, err := tablesIn(ctx, tx, shadow(p))
	if err != nil {
		return err
	}
	if !slices.Equal(found, tables) {
		return fmt.Errorf("its tables are %v and should be %v: studycall rebuild makes them", found, tables)
	}
	for _, table := range tables {
		if err := compareTable(ctx, tx, p, table, tell); err != nil {
			return fmt.Errorf("compare %s: %w", table, err)
		}
	}
	return nil
}

const keyColumnsSQL = `
	select a.attname::text from pg_index i
	join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
	where i.indrelid = $1::regclass and i.indisprimary order by array_position(i.indkey::int2[], a.attnum)`

func compareTable(ctx context.Context, tx pgx.Tx, p Projection, table string, tell func(Difference)) error {
	live, rebuilt := pgx.Identifier{p.Name(), table}.Sanitize(), pgx.Identifier{shadow(p), table}.Sanitize()
	rows, err := tx.Query(ctx, keyColumnsSQL, live)
	if err != nil {
		return err
	}
	key, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	// Identifiers of our own tables, from the catalogue.
	rows, err = tx.Query(ctx, `select to_jsonb(l), to_jsonb(r) from `+live+` l full join `+rebuilt+` r using (`+
		strings.Join(key, ", ")+`) where to_jsonb(l) is distinct from to_jsonb(r)`)
	if err != nil {
		return err
	}
	var a, b map[string]json.RawMessage
	_, err = pgx.ForEachRow(rows, []any{&a, &b}, func() error {
		for _, d := range differences(key, a, b) {
			d.Projection, d.Table = p.Name(), table
			tell(d)
		}
		a, b = nil, nil
		return nil
	})
	return err
}

// differences compares two rows; nil is one that is not there.
func differences(key []string, live, rebuilt map[string]json.RawMessage) []Difference {
	whole, one := json.RawMessage("null"), live
	if live == nil {
		one = rebuilt
	}
	id := make(map[string]json.RawMessage, len(key))
	for _, column := range key {
		id[column] = one[column]
	}
	keyJSON := encoded(id)
	switch {
	case live == nil:
		return []Difference{{Key: keyJSON, Live: whole, Rebuilt: encoded(rebuilt)}}
	case rebuilt == nil:
		return []Difference{{Key: keyJSON, Live: encoded(live), Rebuilt: whole}}
	}
	var all []Difference
	columns := maps.Clone(rebuilt)
	maps.Copy(columns, live)
	for column := range columns {
		if string(live[column]) != string(rebuilt[column]) {
			all = append(all, Difference{Key: keyJSON, Column: column, Live: live[column], Rebuilt: rebuilt[column]})
		}
	}
	slices.SortFunc(all, func(x, y Difference) int { return strings.Compare(x.Column, y.Column) })
	return all
}

// encoded is a row as JSON; of RawMessages, encoding cannot fail.
func encoded(row map[string]json.RawMessage) json.RawMessage {
	data, _ := json.Marshal(row) //nolint:errchkjson // see above
	return data
}
