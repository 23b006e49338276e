package projections

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Readiness tells whether the database answers and how the projections are doing.
type Readiness struct{ pool *pgxpool.Pool }

// NewReadiness asks the database that pool is on.
func NewReadiness(pool *pgxpool.Pool) *Readiness { return &Readiness{pool} }

// Ready gives the state of the projections. A projection that stopped at an event does not make the service unready: the
// others go on, and so does everything else. The error is the database's. It may be called concurrently.
func (r *Readiness) Ready(ctx context.Context) (any, error) {
	statuses, err := ReadStatus(ctx, r.pool)
	if err != nil {
		return nil, err
	}
	return map[string]any{"projections": statuses}, nil
}
