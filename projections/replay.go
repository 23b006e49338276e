package projections

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Replay is a fold of the whole log into a projection's empty tables. The log is folded into sessions once, for however
// many projections are rebuilt together, and each takes in the sessions.
type Replay interface {
	// session takes in a session that has ended.
	session(e ended)
	// open takes in a session that is open where the log ends; position is that of its latest event.
	open(e ended)
	// full gives the rows that are to be written now so that they need not stay in memory, or nil.
	full() writes
	// rest gives the rows that are left, once all sessions were taken in.
	rest() writes
}

// writes is rows on their way into the empty tables.
type writes func(ctx context.Context, tx pgx.Tx) error
