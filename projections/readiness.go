package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/singleflight"
)

// readinessTimeout bounds a look at the database that nobody may be waiting for any more.
const readinessTimeout = 2 * time.Second

// Readiness tells whether the database answers and how the projections are doing. Whoever asks while a look at the database
// is under way shares its answer: anybody may ask, as often as they like.
type Readiness struct {
	pool  *pgxpool.Pool
	ours  []Projection
	looks singleflight.Group
}

// NewReadiness asks the database that pool is on. ours are what this server folds and reads.
func NewReadiness(pool *pgxpool.Pool, ours ...Projection) *Readiness {
	return &Readiness{pool: pool, ours: ours}
}

// readyProjection is a Status without its error, whose text is the operator's: anybody may ask whether we are ready.
type readyProjection struct {
	Name     string  `json:"name"`
	Version  Version `json:"version"`
	Position int64   `json:"position"`
	Head     int64   `json:"head"`
	Lag      int64   `json:"lag"`
	State    State   `json:"state"`
}

// Ready gives the state of the projections. A projection that stopped at an event, or whose tables are of another version,
// does not make the service unready: the others go on, and so does everything else. The error is ctx's or the database's.
// It may be called concurrently.
func (r *Readiness) Ready(ctx context.Context) (any, error) {
	looking := r.looks.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readinessTimeout)
		defer cancel()
		return r.look(ctx)
	})
	select {
	case seen := <-looking:
		return seen.Val, seen.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Readiness) look(ctx context.Context) (any, error) {
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
