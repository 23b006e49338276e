package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// State says how a projection is doing.
type State string

// The states of a projection.
const (
	Live       State = "live"        // it has folded the whole log
	CatchingUp State = "catching up" // it is behind, and folding
	Stopped    State = "stopped"     // it met an event that it cannot fold, and tries it again and again
)

// Status is how far one projection is. Position and Head were read together; Lag is the events between them.
type Status struct {
	Name     string `json:"name"`
	Position int64  `json:"position"`
	Head     int64  `json:"head"`
	Lag      int64  `json:"lag"`
	State    State  `json:"state"`
	Error    string `json:"lastError,omitempty"` // why it stopped

	checkpoint string
}

// ReadStatus reads how far the projections are that ever ran on this database, by name.
func ReadStatus(ctx context.Context, pool *pgxpool.Pool) ([]Status, error) {
	rows, err := pool.Query(ctx, `select name, position, coalesce((select max(position) from events), 0),
		coalesce(error, '') from checkpoints order by name`)
	if err != nil {
		return nil, fmt.Errorf("read the state of the projections: %w", err)
	}
	statuses, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Status, error) {
		s := Status{State: Live}
		err := row.Scan(&s.checkpoint, &s.Position, &s.Head, &s.Error)
		s.Name, _ = parseCheckpoint(s.checkpoint)
		s.Lag = s.Head - s.Position
		switch {
		case s.Error != "":
			s.State = Stopped
		case s.Lag > 0:
			s.State = CatchingUp
		}
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the state of the projections: %w", err)
	}
	return statuses, nil
}
