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
	Behind     State = "behind"      // it is behind, and nobody folds: no server runs, perhaps
	Stopped    State = "stopped"     // it met an event that it cannot fold, and tries it again and again
	// OtherVersion is that the tables are of another version than whoever looks, who neither folds nor reads them. The
	// other one is a program of another version, or with another statistics time zone.
	OtherVersion State = "other version"
)

// Status is how far one projection is. Position and Head were read together; Lag is the events between them.
type Status struct {
	Name     string  `json:"name"`
	Version  Version `json:"version"` // of the tables
	Position int64   `json:"position"`
	Head     int64   `json:"head"`
	Lag      int64   `json:"lag"`
	State    State   `json:"state"`
	Error    string  `json:"lastError,omitempty"` // why it stopped

	checkpoint string
}

// For ten seconds there has been something to fold and nothing was: a slice takes some milliseconds.
const statusSQL = `
	select name, position, coalesce((select max(position) from events), 0), coalesce(error, ''),
		updated_at < now() - interval '10 s' and exists (
			select from events e where e.position = c.position + 1 and e.recorded_at < now() - interval '10 s')
	from checkpoints c order by name`

// ReadStatus reads how far the projections are that ever ran on this database, by name, as the program sees it whose
// versions are those of ours.
func ReadStatus(ctx context.Context, pool *pgxpool.Pool, ours ...Projection) ([]Status, error) {
	versions := map[string]Version{}
	for _, p := range ours {
		versions[p.Name()] = p.Version()
	}
	rows, err := pool.Query(ctx, statusSQL)
	if err != nil {
		return nil, fmt.Errorf("read the state of the projections: %w", err)
	}
	statuses, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Status, error) {
		s := Status{State: Live}
		var idle bool
		err := row.Scan(&s.checkpoint, &s.Position, &s.Head, &s.Error, &idle)
		s.Name, s.Version = parseCheckpoint(s.checkpoint)
		s.Lag = s.Head - s.Position
		expected, known := versions[s.Name]
		switch {
		case known && expected != s.Version:
			s.State = OtherVersion
		case s.Error != "":
			s.State = Stopped
		case idle:
			s.State = Behind
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
