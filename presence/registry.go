package presence

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
)

// Commands are the commands that presence issues. See commands.Handlers.
type Commands interface {
	StartSession(ctx context.Context, cmd commands.StartSession) (commands.Started, error)
	JoinSession(ctx context.Context, cmd commands.JoinSession) (commands.Joined, error)
	LeaveSession(ctx context.Context, studyID string, cmd domain.LeaveSession) (int64, error)
	ExpireSession(ctx context.Context, studyID string, cmd domain.ExpireSession) (int64, error)
}

// Calls queries the open sessions. The result may lag behind the log.
type Calls interface {
	// OpenCalls returns the open session of each study that has one, by study id.
	OpenCalls(ctx context.Context) (map[string]domain.Session, error)
}

// Settings are the times of presence. All fields are required.
type Settings struct {
	// ServerID identifies this run of this server. It is unique among all servers.
	ServerID string
	// Grace is how long a lost connection, or a silent server's connection, keeps its user in the call.
	Grace time.Duration
	// EmptyTimeout is how long a join over REST keeps its user in the call, and how long a session waits for its first
	// participant.
	EmptyTimeout time.Duration
	// Beat is the interval of heartbeats and sweeps. It bounds the error of the times recorded for a killed server.
	Beat time.Duration
	// Now is the business time. It must be safe for concurrent use.
	Now func() time.Time
}

// Lease identifies one connection in one study's call.
type Lease struct {
	StudyID, UserID string
	// SocketID is empty for a join over REST.
	SocketID string
}

// Registry brings users into calls and out of them, and holds the leases of this server's sockets. Its methods are safe for
// concurrent use. Their errors are the database's and the commands'. Each method may be called again after an error.
type Registry struct {
	pool     *pgxpool.Pool
	commands Commands
	calls    Calls
	settings Settings
	log      *slog.Logger

	// slots bounds the transactions that hold a connection of the pool while a command needs another one.
	slots chan struct{}

	// beating is held during a heartbeat, so that a caller of beat sees the results of all earlier ones.
	beating sync.Mutex

	mu           sync.Mutex
	contactSince time.Time // start of the unbroken contact with the database; zero: there is no contact
	lastBeat     time.Time // the latest successful heartbeat
	// silenceEndedAt is when a heartbeat last found that this server had been silent for the grace time; zero: not since Leases
	// last reported it.
	silenceEndedAt time.Time
}

// New makes the registry. It starts nothing: see Run.
func New(pool *pgxpool.Pool, commands Commands, calls Calls, settings Settings, log *slog.Logger) *Registry {
	return &Registry{
		pool: pool, commands: commands, calls: calls, settings: settings, log: log,
		slots: make(chan struct{}, max(1, pool.Config().MaxConns/4)),
	}
}

// lockSQL waits for a participant's lock, which is released at the end of the transaction. No id contains a line break. Two
// participants with the same hash only wait for each other.
const lockSQL = `select pg_advisory_xact_lock(hashtextextended($1 || E'\n' || $2, 4))`

// tryLockSQL is lockSQL without waiting.
const tryLockSQL = `select pg_try_advisory_xact_lock(hashtextextended($1 || E'\n' || $2, 4))`

// underLock waits for the participant's lock and runs do in a transaction that holds it.
func (r *Registry) underLock(ctx context.Context, studyID, userID string, do func(pgx.Tx) error) error {
	return r.transaction(ctx, func(tx pgx.Tx) error {
		if err := execute(ctx, tx, "lock the participant", lockSQL, studyID, userID); err != nil {
			return err
		}
		return do(tx)
	})
}

// transaction waits for a slot and runs do in a transaction.
func (r *Registry) transaction(ctx context.Context, do func(pgx.Tx) error) error {
	return r.withSlot(ctx, func() error { return pgx.BeginFunc(ctx, r.pool, do) })
}

// withSlot runs do while it holds one of the slots.
func (r *Registry) withSlot(ctx context.Context, do func() error) error {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// database is the pool or a transaction.
type database interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// execute executes a statement. purpose describes it in an error.
func execute(ctx context.Context, db database, purpose, sql string, args ...any) error {
	if _, err := db.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("%s: %w", purpose, err)
	}
	return nil
}

// collect returns the rows of a query. The columns are the fields of T in order. purpose describes the query in an error.
func collect[T any](ctx context.Context, db database, purpose, sql string, args ...any) ([]T, error) {
	rows, _ := db.Query(ctx, sql, args...) // CollectRows returns the error
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", purpose, err)
	}
	return all, nil
}

// microseconds converts a duration to the parameter of an interval.
func microseconds(d time.Duration) int64 { return max(0, d).Microseconds() }
