package projections_test

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// altered is a projection of which something is otherwise: what is not set is as it was.
type altered struct {
	projections.Projection
	name    string
	version *projections.Version
	tables  string

	replaying func() // called when a rebuild begins to fold the log
	indexing  func() // called when a rebuild has folded the log, before it catches up
	folding   func([]eventstore.Recorded) error
}

func (a altered) Name() string {
	if a.name != "" {
		return a.name
	}
	return a.Projection.Name()
}

func (a altered) Version() projections.Version {
	if a.version != nil {
		return *a.version
	}
	return a.Projection.Version()
}

func (a altered) Tables() string {
	if a.tables != "" {
		return a.tables
	}
	return a.Projection.Tables()
}

func (a altered) Replay() projections.Replay {
	if a.replaying != nil {
		a.replaying()
	}
	return a.Projection.Replay()
}

func (a altered) Indexes() string {
	if a.indexing != nil {
		a.indexing()
	}
	return a.Projection.Indexes()
}

// Folds is no type where the test looks at all events.
func (a altered) Folds() domain.Event {
	if a.folding != nil {
		return nil
	}
	return a.Projection.Folds()
}

func (a altered) Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	if a.folding != nil {
		if err := a.folding(events); err != nil {
			return err
		}
	}
	return a.Projection.Fold(ctx, tx, events)
}
