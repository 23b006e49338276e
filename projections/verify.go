package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Verify folds the log anew into shadow tables, and calls report for each difference between these and the live tables, as of
// the same position. The live fold goes on meanwhile, and the live tables do not change. The error is ErrRebuilding if another
// process rebuilds or verifies one of the projections.
func (r *Rebuilder) Verify(ctx context.Context, report func(Difference), projections ...Projection) error {
	return r.buildShadow(ctx, projections, r.livePosition, func(ctx context.Context, claim *pgx.Conn, p Projection, position int64) error {
		// One snapshot for the live tables, their checkpoint and the log.
		err := pgx.BeginTxFunc(ctx, claim, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
			return r.compare(ctx, tx, p, position, report)
		})
		if err != nil {
			return fmt.Errorf("verify %s: %w", p.Name(), err)
		}
		return nil
	})
}

// livePosition is the target of a verification: the position of the live tables.
func (r *Rebuilder) livePosition(ctx context.Context, p Projection) (int64, error) {
	position, err := livePosition(ctx, r.pool, p)
	if err != nil {
		return 0, fmt.Errorf("verify %s: %w", p.Name(), err)
	}
	return position, nil
}

// livePosition returns the position of the live tables. Tables of another version cannot be compared: they are an error.
func livePosition(ctx context.Context, from querier, p Projection) (int64, error) {
	status, exists, err := statusOf(ctx, from, p.Name())
	switch {
	case err != nil:
		return 0, err
	case !exists:
		return 0, errors.New("its tables were never made; studycall rebuild makes them")
	case status.Version != p.Version():
		return 0, fmt.Errorf("its tables are of version %v, and this program's are %v: verify with the program that runs, "+
			"or start this one, which makes them anew", status.Version, p.Version())
	}
	return status.Position, nil
}

// compare folds the shadow tables up to the position of the live ones, and compares all tables.
func (r *Rebuilder) compare(ctx context.Context, tx pgx.Tx, p Projection, position int64, report func(Difference)) error {
	live, err := livePosition(ctx, tx, p)
	if err != nil {
		return err
	}
	if live < position {
		return fmt.Errorf("the live tables went back from %d to %d: %w", position, live, ErrRebuilding)
	}
	if err := r.foldRest(ctx, tx, p, position, live); err != nil {
		return err
	}
	liveTables, err := tablesIn(ctx, tx, p.Name())
	if err != nil {
		return err
	}
	tables, err := tablesIn(ctx, tx, shadow(p))
	if err != nil {
		return err
	}
	if !slices.Equal(liveTables, tables) {
		return fmt.Errorf("its tables are %v and should be %v: studycall rebuild makes them", liveTables, tables)
	}
	for _, table := range tables {
		if err := compareTable(ctx, tx, p, table, report); err != nil {
			return fmt.Errorf("compare %s: %w", table, err)
		}
	}
	return nil
}
