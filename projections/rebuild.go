package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/eventstore"
)

const (
	// nearEnough is how many events the new tables may be behind when the old ones are held to be replaced.
	nearEnough = 1000
	// catchUpSlice is how many events are folded at a time while the new tables catch up.
	catchUpSlice = 1000
	// cleanUpTimeout bounds removing what a cancelled rebuild leaves.
	cleanUpTimeout = 30 * time.Second
)

// Progress hears how far the fold of the log is: done of total events.
type Progress func(done, total int64)

// Rebuilder makes projections' tables anew from the log, beside the live ones, which are read and written meanwhile.
type Rebuilder struct {
	pool     *pgxpool.Pool
	store    *eventstore.Store
	log      *slog.Logger
	progress Progress
}

// NewRebuilder makes a rebuilder. progress is called from one goroutine at a time.
func NewRebuilder(pool *pgxpool.Pool, store *eventstore.Store, log *slog.Logger, progress Progress) *Rebuilder {
	return &Rebuilder{pool, store, log, progress}
}

// Rebuild folds the log from its beginning into new tables, and puts them in the place of the live ones, each projection
// in one transaction. Owners and grants stay as they are. When ctx ends, or anything fails, the live tables that have not
// been replaced yet are as they were. The error is ErrRebuilding where another process is at it.
func (r *Rebuilder) Rebuild(ctx context.Context, projections ...Projection) error {
	for _, p := range projections {
		if err := r.mayReplace(ctx, p); err != nil {
			return err
		}
	}
	return r.beside(ctx, projections, r.head, r.swap)
}

func (r *Rebuilder) head(ctx context.Context, _ Projection) (int64, error) { return r.store.Head(ctx) }

// shadow is the schema in which a projection's new tables are made.
func shadow(p Projection) string { return p.Name() + "_rebuild" }

// beside makes the new tables, as they are at the position that upTo gives or a little before, calls then for each
// projection with the position that its tables have, and removes what is left of them.
func (r *Rebuilder) beside(
	ctx context.Context, projections []Projection,
	upTo func(context.Context, Projection) (int64, error),
	then func(ctx context.Context, claim *pgx.Conn, p Projection, position int64) error,
) (err error) {
	claim, err := r.claim(ctx, projections)
	if err != nil {
		return err
	}
	defer release(ctx, claim)
	defer func() {
		if claim.IsClosed() {
			return // what is there may be somebody else's by now
		}
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
		defer cancel()
		err = errors.Join(err, r.removeShadows(cleaning, projections))
	}()
	if err := r.createShadows(ctx, projections); err != nil {
		return err
	}
	var position int64 // all are replayed up to the same one
	for i, p := range projections {
		target, err := upTo(ctx, p)
		if err != nil {
			return err
		}
		if i == 0 || target < position {
			position = target
		}
	}
	began := time.Now()
	t := &throttle{}
	watching, over := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { t.watch(watching, r.pool) })
	defer watch.Wait()
	defer over()
	if err := r.replay(ctx, t, projections, position); err != nil {
		return err
	}
	r.log.Debug("folded the log", "upTo", position, "took", time.Since(began))
	if err := r.index(ctx, t, projections); err != nil {
		return err
	}
	for _, p := range projections {
		reached, err := r.catchUp(ctx, p, position, upTo)
		if err != nil {
			return err
		}
		if err := then(ctx, claim, p, reached); err != nil {
			return err
		}
	}
	return nil
}

// createShadows makes the new tables, empty and without their indexes; what a rebuild that died left is removed first.
func (r *Rebuilder) createShadows(ctx context.Context, projections []Projection) error {
	if err := r.removeShadows(ctx, projections); err != nil {
		return err
	}
	for _, p := range projections {
		if _, err := r.pool.Exec(ctx, `create schema `+pgx.Identifier{shadow(p)}.Sanitize()); err != nil {
			return fmt.Errorf("make new tables of %s: %w", p.Name(), err)
		}
		err := r.inShadow(ctx, p, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, p.Tables())
			return err
		})
		if err != nil {
			return fmt.Errorf("make new tables of %s: %w", p.Name(), err)
		}
	}
	return nil
}

func (r *Rebuilder) removeShadows(ctx context.Context, projections []Projection) error {
	for _, p := range projections {
		if _, err := r.pool.Exec(ctx, `drop schema if exists `+pgx.Identifier{shadow(p)}.Sanitize()+` cascade`); err != nil {
			return fmt.Errorf("remove the new tables of %s: %w", p.Name(), err)
		}
	}
	return nil
}

// inShadow runs a transaction in which the projection's tables are the new ones.
func (r *Rebuilder) inShadow(ctx context.Context, p Projection, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := useSchema(ctx, tx, shadow(p)); err != nil {
			return err
		}
		return do(tx)
	})
}

// index makes the indexes of the new tables, each projection's on a connection of its own.
func (r *Rebuilder) index(ctx context.Context, t *throttle, projections []Projection) error {
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range projections {
		group.Go(func() error { return t.step(func() error { return r.indexOne(ctx, t, p) }) })
	}
	err := group.Wait()
	r.log.Debug("indexed the new tables", "took", time.Since(began))
	return err
}

// indexOne makes the indexes, and tells the planner what is in the tables, before anybody reads them.
func (r *Rebuilder) indexOne(ctx context.Context, t *throttle, p Projection) error {
	err := r.inShadow(ctx, p, func(tx pgx.Tx) error {
		if t.busy.Load() {
			if _, err := tx.Exec(ctx, `set local max_parallel_maintenance_workers = 0`); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, p.Indexes())
		return err
	})
	if err != nil {
		return fmt.Errorf("index the new tables of %s: %w", p.Name(), err)
	}
	tables, err := tablesIn(ctx, r.pool, shadow(p))
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := r.pool.Exec(ctx, `analyze `+pgx.Identifier{shadow(p), table}.Sanitize()); err != nil {
			return fmt.Errorf("analyze the new tables of %s: %w", p.Name(), err)
		}
	}
	return nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// tablesIn are the names of the tables in a schema, in the order in which they were made, which is the order in which
// queries lock them.
func tablesIn(ctx context.Context, from querier, schema string) ([]string, error) {
	rows, err := from.Query(ctx, `select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relkind = 'r' order by c.oid`, schema)
	if err != nil {
		return nil, fmt.Errorf("list the tables in %s: %w", schema, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// catchUp folds what was appended meanwhile into the new tables, as live, until they are near the target, or, where more
// is appended than is folded, as near as they will get: what is left is folded while the live fold is held.
func (r *Rebuilder) catchUp(
	ctx context.Context, p Projection, position int64, upTo func(context.Context, Projection) (int64, error),
) (int64, error) {
	for before := int64(math.MaxInt64); ; {
		target, err := upTo(ctx, p)
		if err != nil || target-position < nearEnough || target-position >= before {
			return position, err
		}
		before = target - position
		for position < target {
			err := r.inShadow(ctx, p, func(tx pgx.Tx) (err error) {
				position, err = r.foldSome(ctx, tx, p, position, min(catchUpSlice, target-position))
				return err
			})
			if err != nil {
				return position, fmt.Errorf("catch up %s: %w", p.Name(), err)
			}
		}
	}
}

// foldSome folds up to limit events after a position into the tables that the transaction uses, and returns the position
// that they then have.
func (r *Rebuilder) foldSome(ctx context.Context, tx pgx.Tx, p Projection, position, limit int64) (int64, error) {
	events, err := r.store.ReadAllIn(ctx, tx, position, int(limit))
	if err != nil || len(events) == 0 {
		return position, err
	}
	last := events[len(events)-1].Position
	wanted, err := r.store.Filter(events, p.Folds())
	if err != nil || len(wanted) == 0 {
		return last, err
	}
	return last, p.Fold(ctx, tx, wanted)
}
