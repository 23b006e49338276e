package projections

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Verify folds the log anew beside the live tables, and tells each difference between the two, as of the same position,
// which the live fold goes on from meanwhile. It changes nothing. The error is ErrRebuilding where another process is at it.
func (r *Rebuilder) Verify(ctx context.Context, tell func(Difference), projections ...Projection) error {
	return r.beside(ctx, projections, r.livePosition, func(ctx context.Context, claim *pgx.Conn, p Projection, position int64) error {
		// One snapshot for the live tables, their checkpoint and the log.
		err := pgx.BeginTxFunc(ctx, claim, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
			return r.compare(ctx, tx, p, position, tell)
		})
		if err != nil {
			return fmt.Errorf("verify %s: %w", p.Name(), err)
		}
		return nil
	})
}

const livePositionSQL = `select coalesce((select position from public.checkpoints where name = $1), -1)`

// livePosition is how far the live tables are.
func (r *Rebuilder) livePosition(ctx context.Context, p Projection) (int64, error) {
	var position int64
	err := r.pool.QueryRow(ctx, livePositionSQL, checkpointName(p)).Scan(&position)
	if err == nil && position < 0 {
		err = errNotOurTables
	}
	if err != nil {
		return 0, fmt.Errorf("verify %s: %w", p.Name(), err)
	}
	return position, nil
}

func (r *Rebuilder) compare(ctx context.Context, tx pgx.Tx, p Projection, position int64, tell func(Difference)) error {
	var live int64
	if err := tx.QueryRow(ctx, livePositionSQL, checkpointName(p)).Scan(&live); err != nil {
		return err
	}
	if live < position {
		return fmt.Errorf("the live tables went back from %d to %d: %w", position, live, ErrRebuilding)
	}
	if err := r.foldRest(ctx, tx, p, position, live); err != nil {
		return err
	}
	found, err := tablesIn(ctx, tx, p.Name())
	if err != nil {
		return err
	}
	tables, err := tablesIn(ctx, tx, shadow(p))
	if err != nil {
		return err
	}
	if !slices.Equal(found, tables) {
		return fmt.Errorf("its tables are %v and should be %v: studycall rebuild makes them", found, tables)
	}
	for _, table := range tables {
		if err := compareTable(ctx, tx, p, table, tell); err != nil {
			return fmt.Errorf("compare %s: %w", table, err)
		}
	}
	return nil
}
