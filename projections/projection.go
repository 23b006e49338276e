package projections

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// Projection is a named fold of the log into tables of its own, which are in a schema of that name. Its SQL names the
// tables without the schema: the same fold writes the live tables and the ones that a rebuild makes beside them.
type Projection interface {
	// Name is the projection's and its schema's: lower-case letters and underscores.
	Name() string
	// Version is that of the tables and the fold. Tables of an older version, or of another variant, are rebuilt before
	// this one is used.
	Version() Version
	// Tables is the SQL that makes the tables, empty.
	Tables() string
	// Indexes is the SQL that makes the indexes of the tables, with the primary keys: a rebuild makes them when the rows are
	// there, which is several times as fast.
	Indexes() string
	// Folds is an event of the one type that Fold takes in, nil where it takes in several. Besides, Fold
	// is called with events of types that this program does not know.
	Folds() domain.Event
	// Fold takes consecutive events into the tables, in the given transaction. Events that are in them already change
	// nothing. An error stops this projection before the first of the events.
	Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error
	// Replay begins a fold of the whole log into empty tables.
	Replay() Replay
}

// Version tells one form of a projection's tables from another.
type Version struct {
	Number int
	// Variant is what else, of the configuration, the contents depend on.
	Variant string
}

// String is the number and the variant, if there is one: "1", or "1/Asia/Seoul".
func (v Version) String() string {
	return strings.TrimSuffix(strconv.Itoa(v.Number)+"/"+v.Variant, "/")
}

// MarshalText implements encoding.TextMarshaler.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// All are the projections, in the order in which they are shown.
func All(zone *time.Location) []Projection {
	return []Projection{Sessions{}, History{}, UserStats{}, StudyStats{Zone: zone}}
}

// checkpointName is the name of the checkpoint that goes with the tables. A program of another version has another
// checkpoint, which is gone once the tables are replaced: so it never writes to tables that are not its own.
func checkpointName(p Projection) string {
	return p.Name() + "/" + p.Version().String()
}

// parseCheckpoint is the projection and the version that a checkpoint is of.
func parseCheckpoint(checkpoint string) (name string, version Version) {
	name, rest, _ := strings.Cut(checkpoint, "/")
	number, variant, _ := strings.Cut(rest, "/")
	version.Number, _ = strconv.Atoi(number) // 0 is older than any
	version.Variant = variant
	return name, version
}

// useSchema makes the statements of a transaction mean the tables in a schema, and beside them the log.
func useSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	if _, err := tx.Exec(ctx, `select set_config('search_path', quote_ident($1) || ', public', true)`, schema); err != nil {
		return fmt.Errorf("use the tables in %s: %w", schema, err)
	}
	return nil
}
