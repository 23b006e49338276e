package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrRebuilding means that another process is rebuilding or verifying the same projection.
var ErrRebuilding = errors.New("is being rebuilt or verified already; wait until that is done")

// claim prevents other processes from rebuilding the same projections for as long as the returned connection is open. The swap
// runs on that connection: if the claim is lost, the swap fails.
func (r *Rebuilder) claim(ctx context.Context, projections []Projection) (*pgx.Conn, error) {
	return r.lock(ctx, func(conn *pgx.Conn) error {
		for _, p := range projections {
			var claimed bool
			err := conn.QueryRow(ctx, `select pg_try_advisory_lock(hashtext('studycall rebuild'), hashtext($1))`, p.Name()).Scan(&claimed)
			if err == nil && !claimed {
				err = ErrRebuilding
			}
			if err != nil {
				return fmt.Errorf("projection %s: %w", p.Name(), err)
			}
		}
		return nil
	})
}

// lock takes a connection out of the pool and calls acquire with it, which acquires advisory locks. The locks last until the
// connection is released.
func (r *Rebuilder) lock(ctx context.Context, acquire func(*pgx.Conn) error) (*pgx.Conn, error) {
	pooled, err := r.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to lock the projections' tables: %w", err)
	}
	conn := pooled.Hijack()
	if err := acquire(conn); err != nil {
		release(ctx, conn)
		return nil, err
	}
	return conn, nil
}

// release unlocks the connection's advisory locks and closes it. It unlocks first, because Postgres releases the locks of a
// closed connection only after a moment.
func release(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	_, _ = conn.Exec(ctx, `select pg_advisory_unlock_all()`) // if this fails, closing unlocks
	_ = conn.Close(ctx)
}
