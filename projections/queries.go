package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/eventstore"
)

// ErrUnavailable is matched (errors.Is) by the error of a query whose tables are not, or no longer, of this program's
// version: a newer server has replaced them, and answers the same question.
var ErrUnavailable = errors.New("the projection's tables are not this program's to read")

// queries reads the tables of one projection. It may be used concurrently.
type queries struct {
	pool       *pgxpool.Pool
	store      *eventstore.Store
	checkpoint string
}

func queriesOn(p Projection, pool *pgxpool.Pool, store *eventstore.Store) queries {
	return queries{pool, store, checkpointName(p)}
}

// WaitFor waits until the tables hold the event at a position. The error is ctx's, ErrUnavailable, or the database's.
func (q queries) WaitFor(ctx context.Context, position int64) error {
	if err := q.store.WaitFor(ctx, q.checkpoint, position); err != nil {
		return q.failed("wait for", err)
	}
	return nil
}

// read runs a query that gives its checkpoint's position in every row, and so at least one row: data and position are of
// one snapshot.
func (q queries) read(ctx context.Context, sql string, args, into []any, each func() error) error {
	rows, err := q.pool.Query(ctx, sql, append([]any{q.checkpoint}, args...)...)
	if err != nil {
		return q.failed("read", err)
	}
	tag, err := pgx.ForEachRow(rows, into, each)
	if err == nil && tag.RowsAffected() == 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return q.failed("read", err)
	}
	return nil
}

// failed says what failed, and whether it is for want of this program's tables.
func (q queries) failed(doing string, err error) error {
	if errors.Is(err, pgx.ErrNoRows) || missing(err) {
		return fmt.Errorf("%s %s: %w: %w", doing, q.checkpoint, ErrUnavailable, err)
	}
	return fmt.Errorf("%s %s: %w", doing, q.checkpoint, err)
}

// missing reports whether the server does not know a table as this program does.
func missing(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case "42P01", "42703", "3F000", // no such table, column or schema
		"0A000": // a plan made for the tables as they were
		return true
	default:
		return false
	}
}
