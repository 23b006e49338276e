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
// version: a newer server has replaced them, and can answer the query.
var ErrUnavailable = errors.New("the projection's tables are not of this program's version")

// queries reads the tables of one projection. It may be used concurrently.
type queries struct {
	pool       *pgxpool.Pool
	store      *eventstore.Store
	checkpoint string
}

// WaitFor waits until the tables hold the event at a position. The error is ctx's, ErrUnavailable, or the database's.
func (q queries) WaitFor(ctx context.Context, position int64) error {
	if err := q.store.WaitFor(ctx, q.checkpoint, position); err != nil {
		return q.wrap("wait for", err)
	}
	return nil
}

// read executes a query whose first argument is the name of the checkpoint. Each row starts with the checkpoint's position, so
// that data and position are of one snapshot, and there is at least one row unless the checkpoint is missing.
func (q queries) read(ctx context.Context, sql string, args, into []any, each func() error) error {
	rows, _ := q.pool.Query(ctx, sql, append([]any{q.checkpoint}, args...)...) // ForEachRow returns the error
	tag, err := pgx.ForEachRow(rows, into, each)
	if err == nil && tag.RowsAffected() == 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return q.wrap("read", err)
	}
	return nil
}

// wrap adds the operation and the checkpoint to an error, and ErrUnavailable if the tables are of another version.
func (q queries) wrap(operation string, err error) error {
	if errors.Is(err, pgx.ErrNoRows) || undefined(err) {
		return fmt.Errorf("%s %s: %w: %w", operation, q.checkpoint, ErrUnavailable, err)
	}
	return fmt.Errorf("%s %s: %w", operation, q.checkpoint, err)
}

// undefined reports whether Postgres does not have a table or column as the query uses it.
func undefined(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return false
	}
	switch pgErr.Code {
	case "42P01", "42703", "3F000", // undefined table, column or schema
		"0A000": // the plan was made for the tables before they were replaced
		return true
	default:
		return false
	}
}
