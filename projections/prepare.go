package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/eventstore"
)

const (
	// createLock is the advisory lock under which tables are created. Its value is arbitrary, as is prepareLock's.
	createLock = 0x73747564_70726570
	// prepareLock makes servers that start together rebuild one after the other.
	prepareLock = 0x73747564_7475726e
	// rebuildingBackoff is the delay before the tables are checked again while another process rebuilds them.
	rebuildingBackoff = time.Second
)

// catchUpLimit is how many events a projection may be behind to catch up live. One that is farther behind, for example a new
// one, is rebuilt: that is faster, and queries never see half-filled tables.
const catchUpLimit = 50_000

// Prepare creates the tables of projections that have none, and rebuilds tables of an older version or another variant; the old
// tables serve queries until then. Call it before a Runner and before queries. Tables of a newer version are an error. Prepare
// returns no error for a projection that folds an undecodable event: it keeps its old tables. Any number of servers may call Prepare
// concurrently.
func (r *Rebuilder) Prepare(ctx context.Context, projections ...Projection) error {
	outdated, err := r.createMissing(ctx, projections)
	if err != nil || len(outdated) == 0 {
		return err
	}
	// Of servers that start together one rebuilds, and the others then find nothing outdated.
	lock, err := r.lock(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `select pg_advisory_lock($1)`, int64(prepareLock))
		return err
	})
	if err != nil {
		return fmt.Errorf("wait to prepare the projections' tables: %w", err)
	}
	defer release(ctx, lock)
	for {
		outdated, err := r.createMissing(ctx, projections)
		if err != nil || len(outdated) == 0 {
			return err
		}
		for _, p := range outdated {
			r.log.Warn("rebuilding tables that have another version or are far behind",
				"projection", p.Name(), "version", p.Version())
		}
		// The error is ErrRebuilding if an operator rebuilds one of them.
		if err := r.rebuildDecodable(ctx, outdated); !errors.Is(err, ErrRebuilding) {
			return err
		}
		select {
		case <-time.After(rebuildingBackoff):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rebuildDecodable rebuilds the projections. Those that fold an event which this program cannot decode keep their old tables.
func (r *Rebuilder) rebuildDecodable(ctx context.Context, outdated []Projection) error {
	err := r.Rebuild(ctx, outdated...)
	if !errors.As(err, new(*eventstore.UnknownEventError)) {
		return err
	}
	for _, p := range outdated {
		err := r.Rebuild(ctx, p)
		if errors.As(err, new(*eventstore.UnknownEventError)) {
			r.log.Error("cannot rebuild the tables; starting without them", "projection", p.Name(), "error", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// createMissing creates tables that do not exist, and returns the projections that have to be rebuilt.
func (r *Rebuilder) createMissing(ctx context.Context, projections []Projection) (outdated []Projection, err error) {
	head, err := r.store.Head(ctx)
	if err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(createLock)); err != nil {
			return err
		}
		for _, p := range projections {
			status, exists, err := statusOf(ctx, tx, p.Name())
			if err == nil && !exists {
				status.Version = p.Version()
				err = createTables(ctx, tx, p)
			}
			if err != nil {
				return err
			}
			current := status.Version == p.Version()
			switch {
			case status.Version.Number > p.Version().Number:
				return fmt.Errorf("%s: version %d, and this program knows %d: start the newer program, or rebuild with this one",
					p.Name(), status.Version.Number, p.Version().Number)
			case current && status.Error != "": // a rebuild would stop at the same event
			case !current, head-status.Position > catchUpLimit:
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

// createTables creates a projection's empty tables, and its checkpoint at the beginning of the log.
func createTables(ctx context.Context, tx pgx.Tx, p Projection) error {
	if err := useSchema(ctx, tx, p.Name()); err != nil {
		return err
	}
	create := `create schema if not exists ` + pgx.Identifier{p.Name()}.Sanitize()
	if _, err := tx.Exec(ctx, create+`;`+p.Tables()+`;`+p.Indexes()); err != nil {
		return fmt.Errorf("create the tables of %s: %w", p.Name(), err)
	}
	return eventstore.EnsureCheckpoint(ctx, tx, checkpointName(p))
}
