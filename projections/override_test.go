package projections_test

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// overridden is a projection with some of its methods overridden: those whose field is set.
type overridden struct {
	projections.Projection
	name    string
	version *projections.Version
	tables  string

	replaying func() // called when a rebuild starts to fold the log
	indexing  func() // called after a rebuild has folded the log, before it catches up
	folding   func([]eventstore.Recorded) error
}

func (a overridden) Name() string {
	if a.name != "" {
		return a.name
	}
	return a.Projection.Name()
}

func (a overridden) Version() projections.Version {
	if a.version != nil {
		return *a.version
	}
	return a.Projection.Version()
}

func (a overridden) Tables() string {
	if a.tables != "" {
		return a.tables
	}
	return a.Projection.Tables()
}

func (a overridden) Replay() projections.Replay {
	if a.replaying != nil {
		a.replaying()
	}
	return a.Projection.Replay()
}

func (a overridden) Indexes() string {
	if a.indexing != nil {
		a.indexing()
	}
	return a.Projection.Indexes()
}

// Folds returns nil if the test observes all events.
func (a overridden) Folds() domain.Event {
	if a.folding != nil {
		return nil
	}
	return a.Projection.Folds()
}

func (a overridden) Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	if a.folding != nil {
		if err := a.folding(events); err != nil {
			return err
		}
	}
	return a.Projection.Fold(ctx, tx, events)
}
