package projections

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// Projection is a named fold of the log into tables of its own, in a schema of the same name. Its SQL names the tables without
// the schema: the same fold writes the live tables and the shadow tables of a rebuild.
type Projection interface {
	// Name returns the name of the projection and its schema: lower-case letters and underscores.
	Name() string
	// Version returns the version of the tables and the fold. Tables of an older version, or of another variant, are rebuilt
	// before the projection is used.
	Version() Version
	// Tables returns the SQL that creates the tables, empty.
	Tables() string
	// Indexes returns the SQL that creates the primary keys and indexes. A rebuild creates them after the rows, which is
	// several times as fast.
	Indexes() string
	// Folds returns an event of the one type that Fold takes, or nil if it takes several. Fold is also called with events of
	// types that this program does not know.
	Folds() domain.Event
	// Fold folds consecutive events into the tables, in the given transaction. Events that the tables hold already change
	// nothing. An error stops this projection before the first of the events.
	Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error
	// Replay starts a fold of the whole log into empty tables.
	Replay() Replay
}

// Version identifies the form of a projection's tables.
type Version struct {
	Number int
	// Variant is the configuration on which the contents depend, if any.
	Variant string
}

// String returns the number and, if there is one, the variant: "1", or "1/Asia/Seoul".
func (v Version) String() string {
	return strings.TrimSuffix(strconv.Itoa(v.Number)+"/"+v.Variant, "/")
}

// MarshalText implements encoding.TextMarshaler.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// All returns all projections, in the order in which they are shown.
func All(zone *time.Location) []Projection {
	return []Projection{Sessions{}, History{}, UserStats{}, StudyStats{Zone: zone}}
}

// checkpointName returns the name of the checkpoint that belongs to the tables. A program of another version uses another
// checkpoint, which is deleted when the tables are replaced, so a program never writes to tables of another version.
func checkpointName(p Projection) string {
	return p.Name() + "/" + p.Version().String()
}

// parseCheckpoint returns the projection and the version in a checkpoint's name.
func parseCheckpoint(checkpoint string) (name string, version Version) {
	name, rest, _ := strings.Cut(checkpoint, "/")
	number, variant, _ := strings.Cut(rest, "/")
	version.Number, _ = strconv.Atoi(number) // 0 is older than any
	version.Variant = variant
	return name, version
}

// useSchema makes unqualified table names in the transaction refer to a schema, and then to the log's.
func useSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	if _, err := tx.Exec(ctx, `select set_config('search_path', quote_ident($1) || ', public', true)`, schema); err != nil {
		return fmt.Errorf("use the tables in %s: %w", schema, err)
	}
	return nil
}

// stopTimeout is how long a stopping runner waits for the slices in flight.
const stopTimeout = 15 * time.Second

// Runner keeps projections up to date. Any number of servers may run the same ones.
type Runner struct {
	store       *eventstore.Store
	projections []Projection
	log         *slog.Logger
}

// NewRunner returns a runner of projections that Prepare has prepared.
func NewRunner(store *eventstore.Store, log *slog.Logger, projections ...Projection) *Runner {
	return &Runner{store, projections, log}
}

// Run folds the log from each projection's checkpoint on until ctx ends, and then returns nil. Slices in flight are committed
// or rolled back first. An error means that the runner could not start.
func (r *Runner) Run(ctx context.Context) error {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: stopTimeout}, eventstore.Logger(r.log))
	if err != nil {
		return fmt.Errorf("start projections: %w", err)
	}
	for _, p := range r.projections {
		subscriber, err := r.store.Subscriber(checkpointName(p), p.Folds())
		if err != nil {
			return fmt.Errorf("start projections: %w", err)
		}
		// The context of a slice is that of its message.
		handler := r.store.Handle(foldInto(p, p.Name())) //nolint:contextcheck // see above
		router.AddConsumerHandler(p.Name(), eventstore.Topic, subscriber, handler)
	}
	if err := router.Run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run projections: %w", err)
	}
	return nil
}

// foldInto returns a projection's fold into its tables in a schema.
func foldInto(p Projection, schema string) eventstore.Apply {
	return func(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
		if err := useSchema(ctx, tx, schema); err != nil {
			return err
		}
		return p.Fold(ctx, tx, events)
	}
}
