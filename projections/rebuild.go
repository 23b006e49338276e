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
	// maxSwapLag is how many events the shadow tables may be behind the log when the swap begins.
	maxSwapLag = 1000
	// catchUpSlice is how many events are folded in one transaction while the shadow tables catch up.
	catchUpSlice = 1000
	// cleanUpTimeout bounds the removal of the shadow tables after the rebuild was cancelled.
	cleanUpTimeout = 30 * time.Second
)

// Progress is called after each page of the log: done of total events are folded.
type Progress func(done, total int64)

// Rebuilder creates projections' tables anew from the log. It fills shadow tables while the live ones are read and written, and
// then swaps them.
type Rebuilder struct {
	pool     *pgxpool.Pool
	store    *eventstore.Store
	log      *slog.Logger
	progress Progress
}

// NewRebuilder returns a rebuilder. It calls progress from one goroutine at a time.
func NewRebuilder(pool *pgxpool.Pool, store *eventstore.Store, log *slog.Logger, progress Progress) *Rebuilder {
	return &Rebuilder{pool, store, log, progress}
}

// Rebuild folds the log from its beginning into shadow tables, and replaces the live tables by them, each projection in one
// transaction. Owners and grants stay as they are. If ctx ends, or anything fails, the live tables that are not replaced yet
// stay. The error is ErrRebuilding if another process rebuilds or verifies one of the projections.
func (r *Rebuilder) Rebuild(ctx context.Context, projections ...Projection) error {
	for _, p := range projections {
		if err := r.checkOwner(ctx, p); err != nil {
			return err
		}
	}
	return r.buildShadow(ctx, projections, r.head, r.swap)
}

// targetFunc returns the position up to which a projection's shadow tables are built.
type targetFunc func(context.Context, Projection) (int64, error)

// head is the target of a rebuild: the end of the log.
func (r *Rebuilder) head(ctx context.Context, _ Projection) (int64, error) { return r.store.Head(ctx) }

// shadow returns the schema of a projection's shadow tables.
func shadow(p Projection) string { return p.Name() + "_rebuild" }

// buildShadow claims the projections, builds their shadow tables up to a position near the target, calls finish for each
// projection with the position of its shadow tables, and removes the shadow tables that finish left.
func (r *Rebuilder) buildShadow(
	ctx context.Context, projections []Projection, target targetFunc,
	finish func(ctx context.Context, claim *pgx.Conn, p Projection, position int64) error,
) (err error) {
	claim, err := r.claim(ctx, projections)
	if err != nil {
		return err
	}
	defer release(ctx, claim)
	defer func() {
		if claim.IsClosed() {
			return // the shadow tables may be another process's by now
		}
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
		defer cancel()
		err = errors.Join(err, r.removeShadows(cleaning, projections))
	}()
	if err := r.createShadows(ctx, projections); err != nil {
		return err
	}
	position, err := r.fillShadows(ctx, projections, target)
	if err != nil {
		return err
	}
	for _, p := range projections {
		reached, err := r.catchUp(ctx, p, position, target)
		if err != nil {
			return err
		}
		if err := finish(ctx, claim, p, reached); err != nil {
			return err
		}
	}
	return nil
}

// fillShadows replays the log into the shadow tables and indexes them. It returns the position that all of them have.
func (r *Rebuilder) fillShadows(ctx context.Context, projections []Projection, target targetFunc) (int64, error) {
	position := int64(math.MaxInt64)
	for _, p := range projections {
		own, err := target(ctx, p)
		if err != nil {
			return 0, err
		}
		position = min(position, own)
	}
	t := &throttle{}
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { t.watch(watching, r.pool) })
	defer watch.Wait()
	defer stop()
	began := time.Now()
	if err := r.replay(ctx, t, projections, position); err != nil {
		return 0, err
	}
	r.log.Debug("folded the log", "upTo", position, "took", time.Since(began))
	began = time.Now()
	group, indexing := errgroup.WithContext(ctx)
	for _, p := range projections { // each on its own connection
		group.Go(func() error { return t.step(func() error { return r.index(indexing, t, p) }) })
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	r.log.Debug("indexed the new tables", "took", time.Since(began))
	return position, nil
}

// createShadows creates the shadow tables, empty and without indexes, after removing those of an interrupted rebuild.
func (r *Rebuilder) createShadows(ctx context.Context, projections []Projection) error {
	if err := r.removeShadows(ctx, projections); err != nil {
		return err
	}
	for _, p := range projections {
		err := r.inShadow(ctx, p, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `create schema `+pgx.Identifier{shadow(p)}.Sanitize()+`;`+p.Tables())
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

// inShadow runs a transaction that uses the projection's shadow tables.
func (r *Rebuilder) inShadow(ctx context.Context, p Projection, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := useSchema(ctx, tx, shadow(p)); err != nil {
			return err
		}
		return do(tx)
	})
}

// index creates a projection's indexes, and analyzes the tables before any query reads them.
func (r *Rebuilder) index(ctx context.Context, t *throttle, p Projection) error {
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

// tablesIn returns the names of the tables in a schema in the order of their creation, in which queries lock them.
func tablesIn(ctx context.Context, from querier, schema string) ([]string, error) {
	rows, _ := from.Query(ctx, `select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relkind = 'r' order by c.oid`, schema)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the tables in %s: %w", schema, err)
	}
	return tables, nil
}

// catchUp folds the events that were appended meanwhile into the shadow tables, as the live fold does. It stops near the
// target, or, if events are appended faster than they are folded, when it gets no nearer: foldRest folds the others while
// the live fold is blocked.
func (r *Rebuilder) catchUp(ctx context.Context, p Projection, position int64, target targetFunc) (int64, error) {
	for lag := int64(math.MaxInt64); ; {
		upTo, err := target(ctx, p)
		if err != nil || upTo-position < maxSwapLag || upTo-position >= lag {
			return position, err
		}
		lag = upTo - position
		for position < upTo {
			err := r.inShadow(ctx, p, func(tx pgx.Tx) (err error) {
				position, err = r.foldSlice(ctx, tx, p, position, upTo)
				return err
			})
			if err != nil {
				return position, fmt.Errorf("catch up %s: %w", p.Name(), err)
			}
		}
	}
}

// foldRest folds all events up to a position into the shadow tables, in the transaction of the swap or the comparison.
func (r *Rebuilder) foldRest(ctx context.Context, tx pgx.Tx, p Projection, position, upTo int64) error {
	if err := useSchema(ctx, tx, shadow(p)); err != nil {
		return err
	}
	for position < upTo {
		var err error
		if position, err = r.foldSlice(ctx, tx, p, position, upTo); err != nil {
			return err
		}
	}
	return nil
}

// foldSlice folds the next events after a position, up to and including another, into the tables that the transaction uses. It
// returns the position of the last one.
func (r *Rebuilder) foldSlice(ctx context.Context, tx pgx.Tx, p Projection, position, upTo int64) (int64, error) {
	events, err := r.store.ReadAllIn(ctx, tx, position, int(min(catchUpSlice, upTo-position)))
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
