package projections

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Readiness tells whether the database answers and how the projections are doing.
type Readiness struct {
	pool *pgxpool.Pool
	ours []Projection
}

// NewReadiness asks the database that pool is on. ours are what this server folds and reads.
func NewReadiness(pool *pgxpool.Pool, ours ...Projection) *Readiness { return &Readiness{pool, ours} }

// readyProjection is a Status without its error, whose text is the operator's: anybody may ask whether we are ready.
type readyProjection struct {
	Name     string  `json:"name"`
	Version  Version `json:"version"`
	Position int64   `json:"position"`
	Head     int64   `json:"head"`
	Lag      int64   `json:"lag"`
	State    State   `json:"state"`
}

// Ready gives the state of the projections. A projection that stopped at an
// event, or whose tables are of another version, does not make the service unready: the
// others go on, and so does everything else. The error is the database's. It may be called concurrently.
func (r *Readiness) Ready(ctx context.Context) (any, error) {
	statuses, err := ReadStatus(ctx, r.pool, r.ours...)
	if err != nil {
		return nil, err
	}
	shown := make([]readyProjection, len(statuses))
	for i, s := range statuses {
		shown[i] = readyProjection{s.Name, s.Version, s.Position, s.Head, s.Lag, s.State}
	}
	return map[string]any{"projections": shown}, nil
}
