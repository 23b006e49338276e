package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrRebuilding says that another process rebuilds or verifies the same projection.
var ErrRebuilding = errors.New("is being rebuilt or verified already; wait until that is done")

// claim keeps others from rebuilding the same projections, for as long as the connection lives that it returns. Whatever
// must not happen without the claim is done on that connection: once it is gone, nothing is.
func (r *Rebuilder) claim(ctx context.Context, projections []Projection) (*pgx.Conn, error) {
	pooled, err := r.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("claim the rebuild: %w", err)
	}
	conn := pooled.Hijack()
	for _, p := range projections {
		var claimed bool
		err := conn.QueryRow(ctx, `select pg_try_advisory_lock(hashtext('studycall rebuild'), hashtext($1))`, p.Name()).Scan(&claimed)
		if err == nil && !claimed {
			err = ErrRebuilding
		}
		if err != nil {
			release(ctx, conn)
			return nil, fmt.Errorf("projection %s: %w", p.Name(), err)
		}
	}
	return conn, nil
}

// release gives up a claim. The connection is closed, not given back to the pool, and before that unlocked: the server
// would let go of the locks of a closed connection only a little later.
func release(ctx context.Context, claim *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	_, _ = claim.Exec(ctx, `select pg_advisory_unlock_all()`) // the close that follows does it as well
	_ = claim.Close(ctx)
}
