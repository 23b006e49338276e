package projections

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/eventstore"
)

// State is the state of a projection.
type State string

// The states of a projection.
const (
	Live       State = "live"        // it has folded the whole log
	CatchingUp State = "catching up" // it is behind, and folding
	Behind     State = "behind"      // it is behind, and not folding: perhaps no server runs
	Stopped    State = "stopped"     // it cannot fold an event, and retries that event again and again
	// OtherVersion means that the tables are of another version, or of another statistics time zone, than the program that
	// reads the status, which neither folds nor reads them.
	OtherVersion State = "other version"
)

// Status is the progress of one projection. Position and Head are of one snapshot; Lag is the number of events between them.
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

// statusSQL takes a projection for idle if there was an event to fold for ten seconds and none was folded: a slice takes some
// milliseconds.
const statusSQL = `
	select name, position, coalesce((select max(position) from events), 0), coalesce(error, ''),
		updated_at < now() - interval '10 s' and exists (
			select from events e where e.position = c.position + 1 and e.recorded_at < now() - interval '10 s')
	from checkpoints c order by name`

// ReadStatus returns the status of all projections that ever ran on this database, ordered by name. Those of this program are compared
// with this program's versions.
func ReadStatus(ctx context.Context, from querier, ours ...Projection) ([]Status, error) {
	versions := map[string]Version{}
	for _, p := range ours {
		versions[p.Name()] = p.Version()
	}
	rows, _ := from.Query(ctx, statusSQL) // CollectRows returns the error
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
		return nil, fmt.Errorf("read the status of the projections: %w", err)
	}
	return statuses, nil
}

// statusOf returns the status of a projection; exists is false if it never ran on this database.
func statusOf(ctx context.Context, from querier, name string) (s Status, exists bool, err error) {
	statuses, err := ReadStatus(ctx, from)
	if i := slices.IndexFunc(statuses, func(s Status) bool { return s.Name == name }); i >= 0 {
		return statuses[i], true, err
	}
	return Status{}, false, err
}

const (
	// retryTimeout is how long Retry waits for the result. A running server is notified and retries at once; if it misses the
	// notification, it retries after its backoff, which is at most ten seconds.
	retryTimeout      = 15 * time.Second
	retryPollInterval = 50 * time.Millisecond
)

// Retry makes the server that runs a stopped projection retry the event at which it stopped. It returns the status before, and
// after: when the projection went on or stopped again, or after fifteen seconds if no server runs it. The positions differ if
// it went on.
func Retry(ctx context.Context, pool *pgxpool.Pool, store *eventstore.Store, name string) (before, after Status, err error) {
	if before, err = existingStatus(ctx, pool, name); err != nil || before.State != Stopped {
		return before, before, err
	}
	if err := store.Retry(ctx, before.checkpoint); err != nil {
		return before, before, err
	}
	poll := time.NewTicker(retryPollInterval)
	defer poll.Stop()
	for deadline := time.Now().Add(retryTimeout); ; {
		if after, err = existingStatus(ctx, pool, name); err != nil {
			return before, after, err
		}
		if after.State == Stopped || after.Position > before.Position || time.Now().After(deadline) {
			return before, after, nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return before, after, ctx.Err()
		}
	}
}

func existingStatus(ctx context.Context, pool *pgxpool.Pool, name string) (Status, error) {
	s, exists, err := statusOf(ctx, pool, name)
	if err == nil && !exists {
		err = fmt.Errorf("there is no projection %q on this database", name)
	}
	return s, err
}
