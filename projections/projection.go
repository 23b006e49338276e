package projections

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/eventstore"
)

// Projection is a named fold of the log into tables.
type Projection interface {
	// Name is that of its checkpoint.
	Name() string
	// Fold takes consecutive events into the tables, in the given transaction. Events that are in them already change
	// nothing. An error stops this projection before the first of the events.
	Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error
}
