package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/singleflight"
)

// readinessTimeout bounds a query, which goes on after the requests that wait for it have ended.
const readinessTimeout = 2 * time.Second

// Readiness reports whether the database is available, and the status of the projections. Concurrent calls share one query,
// because unauthenticated clients may call it at any rate.
type Readiness struct {
	pool  *pgxpool.Pool
	ours  []Projection
	query singleflight.Group
}

// NewReadiness returns the readiness of a server that folds and reads the projections ours on pool's database.
func NewReadiness(pool *pgxpool.Pool, ours ...Projection) *Readiness {
	return &Readiness{pool: pool, ours: ours}
}

// Ready returns the status of the projections. A projection that is stopped, or whose tables are of another version, does not
// make the service unready: everything that does not read its tables works. The error is ctx's or the database's. Ready may be
// called concurrently.
func (r *Readiness) Ready(ctx context.Context) (any, error) {
	result := r.query.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readinessTimeout)
		defer cancel()
		return r.read(ctx)
	})
	select {
	case found := <-result:
		return found.Val, found.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Readiness) read(ctx context.Context) (any, error) {
	statuses, err := ReadStatus(ctx, r.pool, r.ours...)
	if err != nil {
		return nil, err
	}
	for i := range statuses {
		statuses[i].Error = "" // for operators only: unauthenticated clients may ask for readiness
	}
	return map[string]any{"projections": statuses}, nil
}
