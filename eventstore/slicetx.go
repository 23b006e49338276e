package eventstore

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// endTimeout bounds the commit or rollback of a slice, which must happen also when the subscription was cancelled.
const endTimeout = 10 * time.Second

// beginSlice makes a slice's transaction. Its commit need not wait for the disk: tables and checkpoint are lost
// together, if at all, and folded again. A server that hangs in the middle loses its place to another. Folds go by indexes:
// left the choice, Postgres reads new tables, which are small, from end to end, and keeps to that plan while they grow, until
// they are analyzed (measured: of 100,000 events into new tables, reading them took 0.7 s instead of 0.1).
const beginSlice = `begin isolation level read committed;
	set local synchronous_commit = off; set local enable_seqscan = off; set local idle_in_transaction_session_timeout = '20s'`

var errLogIsOurs = errors.New("the log is written by Append alone")

// sliceBeginner gives watermill-sql its transactions.
type sliceBeginner struct {
	pool      *pgxpool.Pool
	types     *types
	unwanted  []string // the types of events that the handler is not given
	committed func(position int64, events int)
	lost      func(error) // what was handled could not be committed, or not be rolled back
}

// BeginTx implements watermill-sql's Beginner.
func (b sliceBeginner) BeginTx(ctx context.Context, _ *stdsql.TxOptions) (watermillsql.Tx, error) {
	tx, err := b.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: beginSlice})
	if err != nil {
		return nil, err
	}
	return &sliceTx{tx: tx, of: b}, nil
}

// ExecContext implements watermill-sql's Beginner, which has it for publishers only.
func (b sliceBeginner) ExecContext(context.Context, string, ...any) (watermillsql.Result, error) {
	return nil, errLogIsOurs
}

// QueryContext implements watermill-sql's Beginner, which has it for publishers only.
func (b sliceBeginner) QueryContext(context.Context, string, ...any) (watermillsql.Rows, error) {
	return nil, errLogIsOurs
}

// sliceTx is the transaction of one slice. It makes three things of watermill-sql's subscriber safe: it ends only when
// the handler has let go of the connection (on cancel the subscriber does not wait); it commits only what was
// acknowledged (a cancelled message would be committed half-written); and it fails the acknowledgement, and so is
// rolled back, when the handler failed.
type sliceTx struct {
	of     sliceBeginner
	tx     pgx.Tx
	events []Recorded // that the handler is given, from QueryContext on

	mu       sync.Mutex // held by the handler while it works, and by whoever ends the transaction
	ended    bool
	failed   error
	position int64 // acknowledged up to here; 0: nothing was
}

// work runs the handler's work, unless the transaction has ended, and remembers its error. A panic is an error.
func (t *sliceTx) work(do func() error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			t.failed = handlerError{fmt.Errorf("panic: %v", p)}
		}
	}()
	if err := do(); err != nil {
		t.failed = handlerError{err}
	}
}

// handlerError is what a handler failed with, to be found again under what watermill-sql says about it.
type handlerError struct{ error }

// Unwrap gives the handler's own error.
func (e handlerError) Unwrap() error { return e.error }

// ExecContext implements watermill-sql's Tx: it runs the acknowledgement, whose first argument is the position.
func (t *sliceTx) ExecContext(ctx context.Context, query string, args ...any) (watermillsql.Result, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed != nil {
		return nil, t.failed
	}
	tag, err := t.tx.Exec(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	t.position = args[0].(int64)
	return watermillsql.PgxResult{CommandTag: tag}, nil
}

// QueryContext implements watermill-sql's Tx. The slice is read here and now: watermill-sql never asks its rows for the
// error that ended them early, and loses the one that Close returns.
func (t *sliceTx) QueryContext(ctx context.Context, query string, args ...any) (watermillsql.Rows, error) {
	rows, err := t.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	slice, err := collect(rows, t.of.types)
	t.events = slices.DeleteFunc(slices.Clone(slice), func(r Recorded) bool { return slices.Contains(t.of.unwanted, r.Type) })
	return &sliceRows{slice}, err
}

// Commit implements watermill-sql's Tx.
func (t *sliceTx) Commit() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.position == 0 {
		return t.end(t.tx.Rollback)
	}
	err := t.end(t.tx.Commit)
	if err == nil {
		t.of.committed(t.position, len(t.events))
	}
	return err
}

// Rollback implements watermill-sql's Tx.
func (t *sliceTx) Rollback() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end(t.tx.Rollback)
}

// end ends the transaction. watermill-sql only logs what its commit or rollback fails with, and takes the slice for handled.
func (t *sliceTx) end(end func(context.Context) error) error {
	t.ended = true
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	err := end(ctx)
	if err != nil {
		t.of.lost(fmt.Errorf("end the slice's transaction: %w", err))
	}
	return err
}

// sliceRows are the one row that watermill-sql is to make a message of: the position of the last of some events. Without
// events, it is none.
type sliceRows struct{ events []Recorded }

// Next implements watermill-sql's Rows.
func (r *sliceRows) Next() bool { return len(r.events) > 0 }

// Scan implements watermill-sql's Rows.
func (r *sliceRows) Scan(into ...any) error {
	*into[0].(*int64) = r.events[len(r.events)-1].Position //nolint:forcetypeassert // UnmarshalMessage's
	r.events = nil
	return nil
}

// Close implements watermill-sql's Rows.
func (r *sliceRows) Close() error { return nil }
