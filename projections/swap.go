package projections

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/eventstore"
)

const (
	// foldPatience is how long the swap waits for the slice that the live fold is at, which keeps nobody waiting.
	foldPatience = 20 * time.Second
	// swapPatience is how long the swap waits for queries on the old tables, while new ones wait behind it. Then it lets them
	// be before it tries again: for swapPause, and twice as long each time, up to swapPauseMost. A query may hold the tables
	// for moments, a dump for an hour.
	swapPatience  = 100 * time.Millisecond
	swapPause     = 100 * time.Millisecond
	swapPauseMost = 2 * time.Second
)

// swap puts the new tables in the place of the live ones, in one transaction. It holds up the live fold, and then the
// queries, for moments only: where somebody holds the old tables, it lets go of everything and tries again later.
func (r *Rebuilder) swap(ctx context.Context, claim *pgx.Conn, p Projection, position int64) error {
	for pause := swapPause; ; pause = min(2*pause, swapPauseMost) {
		err := pgx.BeginFunc(ctx, claim, func(tx pgx.Tx) error { return r.swapIn(ctx, tx, p, position) })
		if err == nil {
			return nil
		}
		if !heldUp(err) {
			return fmt.Errorf("put the new tables of %s in place: %w", p.Name(), err)
		}
		// The folds that found the checkpoint held have gone to sleep.
		if err := pgx.BeginFunc(ctx, claim, func(tx pgx.Tx) error { return eventstore.WakeConsumers(ctx, tx) }); err != nil {
			return fmt.Errorf("put the new tables of %s in place: %w", p.Name(), err)
		}
		r.log.Info("somebody holds the old tables: the new ones wait", "projection", p.Name())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		if position, err = r.catchUp(ctx, p, position, r.head); err != nil {
			return err
		}
	}
}

// heldUp reports whether a lock could not be had in time, or only at the cost of a deadlock.
func heldUp(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == "55P03" || refused.Code == "40P01")
}

// swapIn locks in the order in which a fold does: the checkpoint, so that no fold is under way and none begins, then the
// tables.
func (r *Rebuilder) swapIn(ctx context.Context, tx pgx.Tx, p Projection, position int64) error {
	if err := waitForLocks(ctx, tx, foldPatience); err != nil {
		return err
	}
	// Whatever version the live tables are of.
	if _, err := tx.Exec(ctx, `select from public.checkpoints where split_part(name, '/', 1) = $1 for update`, p.Name()); err != nil {
		return err
	}
	var head int64
	if err := tx.QueryRow(ctx, `select coalesce(max(position), 0) from public.events`).Scan(&head); err != nil {
		return err
	}
	if err := r.foldRest(ctx, tx, p, position, head); err != nil {
		return err
	}
	if err := waitForLocks(ctx, tx, swapPatience); err != nil {
		return err
	}
	tables, err := tablesIn(ctx, tx, p.Name())
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := tx.Exec(ctx, `lock table `+pgx.Identifier{p.Name(), table}.Sanitize()); err != nil {
			return err
		}
	}
	if err := carryOwners(ctx, tx, p); err != nil {
		return err
	}
	if err := carryGrants(ctx, tx, p); err != nil {
		return err
	}
	live, made := pgx.Identifier{p.Name()}.Sanitize(), pgx.Identifier{shadow(p)}.Sanitize()
	if _, err := tx.Exec(ctx, `drop schema if exists `+live+` cascade; alter schema `+made+` rename to `+live); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `delete from public.checkpoints where split_part(name, '/', 1) = $1 and name <> $2`,
		p.Name(), checkpointName(p)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `insert into public.checkpoints (name, position) values ($1, $2)
		on conflict (name) do update set position = excluded.position, error = null, updated_at = now()`,
		checkpointName(p), head); err != nil {
		return err
	}
	// Folds that found the checkpoint held have gone to sleep.
	return eventstore.WakeConsumers(ctx, tx)
}

// waitForLocks is how long the transaction waits for each lock from here on.
func waitForLocks(ctx context.Context, tx pgx.Tx, patience time.Duration) error {
	_, err := tx.Exec(ctx, `select set_config('lock_timeout', $1, true)`, strconv.FormatInt(patience.Milliseconds(), 10))
	return err
}

// foldRest folds all events after a position, up to and with another, into the new tables, in a transaction that has
// other work as well.
func (r *Rebuilder) foldRest(ctx context.Context, tx pgx.Tx, p Projection, position, upTo int64) error {
	if err := useSchema(ctx, tx, shadow(p)); err != nil {
		return err
	}
	for position < upTo {
		reached, err := r.foldSome(ctx, tx, p, position, min(catchUpSlice, upTo-position))
		if err != nil {
			return err
		}
		position = reached
	}
	return nil
}
