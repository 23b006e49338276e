package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/eventstore"
)

// ErrRebuilding says that another process rebuilds or verifies the same projection.
var ErrRebuilding = errors.New("is being rebuilt or verified already; wait until that is done")

const (
	// nearEnough is how many events the new tables may be behind when the old ones are held to be replaced.
	nearEnough = 1000
	// catchUpSlice is how many events are folded at a time while the new tables catch up.
	catchUpSlice = 1000
	// swapPatience is how long the swap waits for queries on the old tables, while new ones wait behind it.
	swapPatience = 2 * time.Second
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
// in one transaction. When ctx ends, or anything fails, the live tables are as they were. The error is ErrRebuilding
// where another process is at it.
func (r *Rebuilder) Rebuild(ctx context.Context, projections ...Projection) error {
	upTo := func(ctx context.Context, _ Projection) (int64, error) { return r.store.Head(ctx) }
	return r.beside(ctx, projections, upTo, r.swap)
}

// shadow is the schema in which a projection's new tables are made.
func shadow(p Projection) string { return p.Name() + "_rebuild" }

// beside makes the new tables, as they are at the position that upTo gives or a little before, calls then for each
// projection with the position that its tables have, and removes what is left of them.
func (r *Rebuilder) beside(
	ctx context.Context, projections []Projection,
	upTo func(context.Context, Projection) (int64, error),
	then func(ctx context.Context, p Projection, position int64) error,
) (err error) {
	release, err := r.claim(ctx, projections)
	if err != nil {
		return err
	}
	defer release()
	defer func() {
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
	if err := r.replay(ctx, projections, position); err != nil {
		return err
	}
	r.log.Debug("folded the log", "upTo", position, "took", time.Since(began))
	for _, p := range projections {
		began := time.Now()
		if err := r.index(ctx, p); err != nil {
			return err
		}
		r.log.Debug("indexed the new tables", "projection", p.Name(), "took", time.Since(began))
		reached, err := r.catchUp(ctx, p, position, upTo)
		if err != nil {
			return err
		}
		if err := then(ctx, p, reached); err != nil {
			return err
		}
	}
	return nil
}

// claim keeps others from rebuilding the same projections, for as long as the connection lives that holds the claim.
func (r *Rebuilder) claim(ctx context.Context, projections []Projection) (release func(), err error) {
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("claim the rebuild: %w", err)
	}
	// Closed, not given back: its locks go with it.
	release = func() { _ = conn.Hijack().Close(context.WithoutCancel(ctx)) }
	for _, p := range projections {
		var claimed bool
		err := conn.QueryRow(ctx, `select pg_try_advisory_lock(hashtext('studycall rebuild'), hashtext($1))`, p.Name()).Scan(&claimed)
		if err == nil && !claimed {
			err = ErrRebuilding
		}
		if err != nil {
			release()
			return nil, fmt.Errorf("projection %s: %w", p.Name(), err)
		}
	}
	return release, nil
}

// createShadows makes the new tables, empty and without their indexes; what a rebuild that died left is removed first.
func (r *Rebuilder) createShadows(ctx context.Context, projections []Projection) error {
	if err := r.removeShadows(ctx, projections); err != nil {
		return err
	}
	for _, p := range projections {
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
		if _, err := tx.Exec(ctx, `create schema if not exists `+pgx.Identifier{shadow(p)}.Sanitize()); err != nil {
			return err
		}
		if err := useSchema(ctx, tx, shadow(p)); err != nil {
			return err
		}
		return do(tx)
	})
}

// index makes the indexes, and tells the planner what is in the tables, before anybody reads them.
func (r *Rebuilder) index(ctx context.Context, p Projection) error {
	err := r.inShadow(ctx, p, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, p.Indexes())
		return err
	})
	if err != nil {
		return fmt.Errorf("index the new tables of %s: %w", p.Name(), err)
	}
	tables, err := r.tables(ctx, shadow(p))
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

// tables are the names of the tables in a schema.
func (r *Rebuilder) tables(ctx context.Context, schema string) ([]string, error) {
	rows, err := r.pool.Query(ctx, `select tablename::text from pg_tables where schemaname = $1 order by 1`, schema)
	if err != nil {
		return nil, fmt.Errorf("list the tables in %s: %w", schema, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// catchUp folds what was appended meanwhile into the new tables, as live, until they are near the target.
func (r *Rebuilder) catchUp(
	ctx context.Context, p Projection, position int64, upTo func(context.Context, Projection) (int64, error),
) (int64, error) {
	for {
		target, err := upTo(ctx, p)
		if err != nil || target-position < nearEnough {
			return position, err
		}
		err = r.inShadow(ctx, p, func(tx pgx.Tx) (err error) {
			position, err = r.foldSome(ctx, tx, p, position, min(catchUpSlice, target-position))
			return err
		})
		if err != nil {
			return position, fmt.Errorf("catch up %s: %w", p.Name(), err)
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
	return events[len(events)-1].Position, p.Fold(ctx, tx, events)
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

// swap puts the new tables in the place of the live ones: in one transaction the live fold is held, what it has and the
// new tables have not is folded, and the schemas and the checkpoint are replaced.
func (r *Rebuilder) swap(ctx context.Context, p Projection, position int64) error {
	for {
		err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error { return r.swapIn(ctx, tx, p, position) })
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == "55P03" { // lock_not_available
			r.log.Info("waiting for queries on the old tables", "projection", p.Name())
			continue
		}
		if err != nil {
			return fmt.Errorf("put the new tables of %s in place: %w", p.Name(), err)
		}
		return nil
	}
}

func (r *Rebuilder) swapIn(ctx context.Context, tx pgx.Tx, p Projection, position int64) error {
	if _, err := tx.Exec(ctx, fmt.Sprintf(`set local lock_timeout = %d`, swapPatience.Milliseconds())); err != nil {
		return err
	}
	// Whatever version the live tables are of; their fold waits from here on.
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
	live, made := pgx.Identifier{p.Name()}.Sanitize(), pgx.Identifier{shadow(p)}.Sanitize()
	if _, err := tx.Exec(ctx, `drop schema if exists `+live+` cascade; alter schema `+made+` rename to `+live); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `delete from public.checkpoints where split_part(name, '/', 1) = $1 and name <> $2`,
		p.Name(), checkpointName(p)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `insert into public.checkpoints (name, position) values ($1, $2)
		on conflict (name) do update set position = excluded.position, error = null, updated_at = now()`,
		checkpointName(p), head)
	return err
}
