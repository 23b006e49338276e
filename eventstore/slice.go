package eventstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sourcegraph/conc/panics"
)

const (
	// sliceLimit is how many events a slice holds at most. More make a slice slower, and a catch-up not faster.
	sliceLimit = 500
	// endTimeout bounds a commit or a rollback, which must happen also after the subscription was cancelled.
	endTimeout = 10 * time.Second
)

// slice is one transaction of a consumer: it folds some consecutive events and moves the checkpoint past them. It holds all
// state of that transaction; the next slice is a new one. This file has the steps of a slice from top to bottom, and
// watermill-sql calls them in this order, in one goroutine, except that a goroutine of the router calls apply:
//
//	step           what it does                                            called through
//	┌─▶ begin      wait for events, or for the backoff after a failure;    Beginner.BeginTx
//	│     ▼        begin a transaction
//	│   read       lock the checkpoint's row, read the events after it     Tx.QueryContext
//	│     ▼
//	│   apply      fold the events into tables                             Handle's handler
//	│     ▼
//	│   move       move the checkpoint past the events                     Tx.ExecContext
//	│     ▼
//	├── commit     commit; roll back if the checkpoint has not moved       Tx.Commit
//	└── rollback   roll back, after a step that failed                     Tx.Rollback
//
// The tables and the checkpoint change in one transaction, so each event is folded exactly once.
type slice struct {
	consumer *consumer
	head     int64           // of the log, as known when the slice began
	wakeup   <-chan struct{} // closed if the consumers were woken since the slice began
	tx       pgx.Tx

	readAt time.Time
	last   int64      // position of the last event read; 0: none
	events []Recorded // the events read, without those that the consumer skips
	moved  int64      // the new position of the checkpoint; 0: it has not moved

	mu    sync.Mutex // held while apply uses the transaction, and while the transaction ends
	ended bool
	err   error // of the first step that failed
}

// A fold's commit does not wait for the disk: if a crash loses it, tables and checkpoint are lost together, and the events are
// folded again. A server that hangs in the middle of a slice loses its lock after 20 s. Folds go by indexes: Postgres would
// otherwise scan new tables, which are small, and keep that plan while they grow, until they are analyzed (measured: of
// 100,000 events into new tables, reading these tables took 0.7 s instead of 0.1 s).
const beginSQL = `begin isolation level read committed;
	set local synchronous_commit = off; set local enable_seqscan = off; set local idle_in_transaction_session_timeout = '20s'`

// begin waits until a slice may have something to do, and begins its transaction.
func (c *consumer) begin(ctx context.Context) (*slice, error) {
	c.wait(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	head, _ := c.store.head.current()
	_, woken := c.store.wakeup.current()
	s := &slice{consumer: c, head: head, wakeup: woken}
	c.last = s
	s.tx, s.err = c.store.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: beginSQL})
	return s, s.err
}

// The lock of the checkpoint's row admits one slice at a time. The events after it are one range of the primary key.
const sliceSQL = `
	with checkpoint as (select position from checkpoints where name = $1 for update skip locked)
	select ` + recordedColumns + `
	from events e where e.position > (select position from checkpoint) order by e.position limit $2`

// The same slice without the events of some types, except that the last event is always read: the checkpoint moves there.
const filteredSliceSQL = `
	with checkpoint as (select position from checkpoints where name = $1 for update skip locked),
	slice as (select max(p.position) as last from (select e.position from events e
		where e.position > (select position from checkpoint) order by e.position limit $2) p)
	select ` + recordedColumns + `
	from events e where e.position > (select position from checkpoint) and e.position <= (select last from slice)
		and (e.type <> all ($3) or e.position = (select last from slice)) order by e.position`

// read locks the checkpoint and reads the events after it. It reads none if another server holds the lock.
func (s *slice) read(ctx context.Context) error {
	c := s.consumer
	s.readAt = time.Now()
	sql, args := sliceSQL, []any{c.name, c.limit}
	if len(c.filter.skipped) > 0 {
		sql, args = filteredSliceSQL, append(args, c.filter.skipped)
	}
	events, err := read(ctx, s.tx, c.store.types, "read a slice of the log", sql, args...)
	if err != nil {
		s.err = err
		return err
	}
	if len(events) > 0 {
		s.last = events[len(events)-1].Position
		s.events = c.filter.apply(events)
	}
	return nil
}

// apply folds the events and records the error or panic. It does nothing if the transaction has ended: after a cancel,
// watermill-sql does not wait for the handler.
func (s *slice) apply(ctx context.Context, apply Apply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(s.events) == 0 {
		return
	}
	if panicked := panics.Try(func() { s.err = apply(ctx, s.tx, s.events) }); panicked != nil {
		s.err = fmt.Errorf("panic: %v", panicked.Value)
	}
}

const moveSQL = `update checkpoints set position = $1, error = null, updated_at = now() where name = $2`

// move moves the checkpoint past the events. If apply failed, it returns that error, so that the slice is rolled back.
func (s *slice) move(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if _, s.err = s.tx.Exec(ctx, moveSQL, s.last, s.consumer.name); s.err != nil {
		return s.err
	}
	s.moved = s.last
	return nil
}

// commit commits a slice that has moved the checkpoint, and rolls any other back: after a cancel, watermill-sql commits a
// slice whose handler has not finished. It waits until the handler has released the transaction.
func (s *slice) commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moved == 0 {
		return s.end(s.tx.Rollback)
	}
	err := s.end(s.tx.Commit)
	if err == nil {
		s.consumer.store.progress(s.consumer.name).advance(s.moved)
	}
	return err
}

// rollback waits until the handler has released the transaction, and undoes it.
func (s *slice) rollback() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(s.tx.Rollback)
}

// end ends the transaction and records the error, because watermill-sql only logs it. The caller holds mu.
func (s *slice) end(end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	s.ended = true
	err := end(ctx)
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("end the slice's transaction: %w", err)
	}
	return err
}

// atHead reports whether the slice found nothing to read, or read to the known head of the log.
func (s *slice) atHead() bool { return s.moved == 0 || s.moved >= s.head }
