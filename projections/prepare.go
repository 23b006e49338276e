package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/eventstore"
)

// prepareLock keeps servers that start together from making the same tables. Its value means nothing.
const prepareLock = 0x73747564_70726570

// turnLock has servers that start together rebuild one after the other.
const turnLock = 0x73747564_7475726e

// catchUpLimit is how far behind a projection may be to catch up live, as a new one is, or one whose rebuild died; one that
// is farther is rebuilt, which is faster, and nobody reads half of it meanwhile.
const catchUpLimit = 50_000

// Prepare makes the tables of projections that have none, and rebuilds those that an older program, or one with another
// configuration, made: beside the old ones, which serve its queries until then. Call it before a Runner and before
// queries. Tables of a newer version are an error; that an event cannot be decoded is none. Any number of servers may call it at once.
func (r *Rebuilder) Prepare(ctx context.Context, projections ...Projection) error {
	outdated, err := r.createMissing(ctx, projections)
	if err != nil || len(outdated) == 0 {
		return err
	}
	// Of servers that start together one rebuilds, and the others then find it done.
	turn, err := r.waitForTurn(ctx)
	if err != nil {
		return err
	}
	defer release(ctx, turn)
	for {
		outdated, err := r.createMissing(ctx, projections)
		if err != nil || len(outdated) == 0 {
			return err
		}
		for _, p := range outdated {
			r.log.Warn("the tables are not this program's: rebuilding them before anything else",
				"projection", p.Name(), "version", p.Version())
		}
		// An operator may be at it: then the tables are looked at again.
		if err := r.rebuildWhatCanBe(ctx, outdated); !errors.Is(err, ErrRebuilding) {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rebuildWhatCanBe rebuilds the projections, but for those that take in an event which this program cannot decode: they are
// as if they had stopped there, and everything else goes on.
func (r *Rebuilder) rebuildWhatCanBe(ctx context.Context, outdated []Projection) error {
	err := r.Rebuild(ctx, outdated...)
	if !errors.As(err, new(*eventstore.UnknownEventError)) {
		return err
	}
	for _, p := range outdated {
		err := r.Rebuild(ctx, p)
		if errors.As(err, new(*eventstore.UnknownEventError)) {
			r.log.Error("cannot rebuild the tables: going on without them", "projection", p.Name(), "error", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// waitForTurn waits until no other server prepares. The turn lasts as long as the connection.
func (r *Rebuilder) waitForTurn(ctx context.Context) (*pgx.Conn, error) {
	pooled, err := r.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("wait to prepare the projections' tables: %w", err)
	}
	conn := pooled.Hijack()
	if _, err := conn.Exec(ctx, `select pg_advisory_lock($1)`, int64(turnLock)); err != nil {
		release(ctx, conn)
		return nil, fmt.Errorf("wait to prepare the projections' tables: %w", err)
	}
	return conn, nil
}

// createMissing makes what was never made, and gives the projections whose tables are of another version.
func (r *Rebuilder) createMissing(ctx context.Context, projections []Projection) (outdated []Projection, err error) {
	head, err := r.store.Head(ctx)
	if err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(prepareLock)); err != nil {
			return err
		}
		tables, err := madeTables(ctx, tx)
		if err != nil {
			return err
		}
		for _, p := range projections {
			made, exists := tables[p.Name()]
			switch {
			case !exists:
				if err := createTables(ctx, tx, p); err != nil {
					return err
				}
				if head > catchUpLimit {
					outdated = append(outdated, p)
				}
			case made.stopped && made.version == p.Version():
				// A rebuild would stop at the same event.
			case made.version.Number > p.Version().Number:
				return fmt.Errorf("%s: version %d, and this program knows %d: start the newer program, or rebuild with this one",
					p.Name(), made.version.Number, p.Version().Number)
			case made.version != p.Version(), head-made.position > catchUpLimit:
				outdated = append(outdated, p)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the projections' tables: %w", err)
	}
	return outdated, nil
}

// made is the state of tables that exist.
type made struct {
	version  Version
	position int64
	stopped  bool
}

// madeTables are the tables that exist, by projection.
func madeTables(ctx context.Context, tx pgx.Tx) (map[string]made, error) {
	rows, err := tx.Query(ctx, `select name, position, error is not null from checkpoints`)
	if err != nil {
		return nil, err
	}
	tables := map[string]made{}
	var checkpoint string
	var m made
	_, err = pgx.ForEachRow(rows, []any{&checkpoint, &m.position, &m.stopped}, func() error {
		var name string
		name, m.version = parseCheckpoint(checkpoint)
		tables[name] = m
		return nil
	})
	return tables, err
}

// createTables makes a projection's empty tables and its checkpoint at the beginning of the log.
func createTables(ctx context.Context, tx pgx.Tx, p Projection) error {
	schema := pgx.Identifier{p.Name()}.Sanitize()
	if _, err := tx.Exec(ctx, `create schema if not exists `+schema); err != nil {
		return fmt.Errorf("make schema %s: %w", p.Name(), err)
	}
	if err := useSchema(ctx, tx, p.Name()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, p.Tables()+";"+p.Indexes()); err != nil {
		return fmt.Errorf("make the tables of %s: %w", p.Name(), err)
	}
	return eventstore.EnsureCheckpoint(ctx, tx, checkpointName(p))
}
