package presence

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
)

// Commands are the commands that presence issues. See commands.Handlers.
type Commands interface {
	LeaveSession(ctx context.Context, cmd commands.LeaveSession) (int64, error)
	ExpireSession(ctx context.Context, cmd commands.ExpireSession) (int64, error)
}

// Calls are the open sessions, as far as the queries know, which may be a little behind.
type Calls interface {
	// OpenCalls gives the open session of each study that has one, by study.
	OpenCalls(ctx context.Context) (map[string]domain.Session, error)
}

// Settings are the times of presence. All are needed.
type Settings struct {
	// ServerID names this run of this server; no other may have it.
	ServerID string
	// Grace is how long a lost connection, or a silent server's, keeps its user in the call.
	Grace time.Duration
	// EmptyTimeout is how long a join over REST does, and how long a session waits for somebody to join it.
	EmptyTimeout time.Duration
	// Beat is how often the server says that it lives, and sweeps. It is the error of a killed server's times.
	Beat time.Duration
	// Now is the business time. It must be safe for concurrent use.
	Now func() time.Time
}

// Lease names one connection in one study's call.
type Lease struct {
	StudyID, UserID string
	// SocketID is the socket's; it is empty for a join over REST.
	SocketID string
}

// Registry holds the leases of this server's sockets, and sweeps what anybody's have become. Its methods may be called
// concurrently. Their errors are the database's and the commands'; each may be called again after one.
type Registry struct {
	pool     *pgxpool.Pool
	commands Commands
	calls    Calls
	settings Settings
	log      *slog.Logger

	// slots bounds the transactions that hold a connection of the pool while a command needs another one.
	slots chan struct{}

	// beating is held for a beat, so that whoever has beaten knows what all beats before it have found.
	beating sync.Mutex

	mu      sync.Mutex
	steady  time.Time // since when contact with the database is unbroken; zero: it is not
	beaten  time.Time // the latest beat
	revived time.Time // when this server was last found to have been silent for the grace time; zero: it was not, as far as Held told
}

// New makes the registry. It does nothing by itself until Run.
func New(pool *pgxpool.Pool, commands Commands, calls Calls, settings Settings, log *slog.Logger) *Registry {
	return &Registry{
		pool: pool, commands: commands, calls: calls, settings: settings, log: log,
		slots: make(chan struct{}, max(1, pool.Config().MaxConns/4)),
	}
}

// lockSQL waits for a participant's lock, which the end of the transaction lets go. No id has a line break in it. That
// two participants have one hash costs them a wait.
const lockSQL = `select pg_advisory_xact_lock(hashtextextended($1 || E'\n' || $2, 4))`

// tryLockSQL is lockSQL for who has others to attend to.
const tryLockSQL = `select pg_try_advisory_xact_lock(hashtextextended($1 || E'\n' || $2, 4))`

// underLock runs do in a transaction with the participant's lock, which it waits for.
func (r *Registry) underLock(ctx context.Context, studyID, userID string, do func(pgx.Tx) error) error {
	return r.transaction(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockSQL, studyID, userID); err != nil {
			return fmt.Errorf("lock the participant: %w", err)
		}
		return do(tx)
	})
}

// transaction runs do in a transaction, when there is a slot for one more.
func (r *Registry) transaction(ctx context.Context, do func(pgx.Tx) error) error {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return pgx.BeginFunc(ctx, r.pool, do)
}

// microseconds is a duration as a parameter of an interval.
func microseconds(d time.Duration) int64 { return max(0, d).Microseconds() }
