package presence_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/presence"
)

// server is a registry and its commands.
type server struct {
	*presence.Registry
	*commands.Handlers
	t     *testing.T
	pool  *pgxpool.Pool
	store *eventstore.Store

	// leaving, unless nil, is called before each leave command.
	leaving func()
}

// members is an access check that accepts every user.
type members struct{}

func (members) ActiveMember(context.Context, string, string) error { return nil }

// noCalls is a query that finds no open call.
type noCalls struct{}

func (noCalls) OpenCalls(context.Context) (map[string]domain.Session, error) {
	return map[string]domain.Session{}, nil
}

// LeaveSession implements presence.Commands.
func (s *server) LeaveSession(ctx context.Context, studyID string, cmd domain.LeaveSession) (int64, error) {
	if s.leaving != nil {
		s.leaving()
	}
	return s.Handlers.LeaveSession(ctx, studyID, cmd)
}

func newServer(t *testing.T, grace time.Duration) *server {
	t.Helper()
	pool := postgrestest.New(t)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	store, err := eventstore.Open(t.Context(), pool, log)
	check.NoError(t, err)
	t.Cleanup(store.Close)
	handlers, err := commands.New(store, members{}, commands.DefaultSettings(), rand.Text)
	check.NoError(t, err)
	s := &server{Handlers: handlers, t: t, pool: pool, store: store}
	s.Registry = presence.New(pool, s, noCalls{}, presence.Settings{
		ServerID: rand.Text(), Grace: grace, EmptyTimeout: time.Hour, Beat: 20 * time.Millisecond, Now: time.Now,
	}, log)
	return s
}

// run runs the registry until the test ends.
func (s *server) run() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	s.t.Cleanup(func() { cancel(); <-ended })
}

// join joins kim by a socket.
func (s *server) join(socketID string) (sessionID string) {
	s.t.Helper()
	sessionID, err := s.tryJoin(socketID)
	check.NoError(s.t, err)
	return sessionID
}

func (s *server) tryJoin(socketID string) (sessionID string, err error) {
	joined, err := s.Join(s.t.Context(), presence.Join{
		Lease: lease(socketID), At: time.Now(),
		Cleanup: func(do func(context.Context) error) {
			if err := do(s.t.Context()); err != nil {
				s.t.Errorf("clean up after a failed join: %v", err)
			}
		},
	})
	return joined.Session.ID, err
}

// leave makes kim leave by a socket.
func (s *server) leave(socketID, sessionID string, at time.Time) {
	s.t.Helper()
	_, err := s.Leave(s.t.Context(), presence.Leave{Lease: lease(socketID), SessionID: sessionID, At: at})
	check.NoError(s.t, err)
}

func lease(socketID string) presence.Lease {
	return presence.Lease{StudyID: "go", UserID: "kim", SocketID: socketID}
}

// log returns the types of the study's events.
func (s *server) log() string {
	s.t.Helper()
	recorded, err := s.store.ReadStreamPage(s.t.Context(), eventstore.Stream("go"), 0, 10_000)
	check.NoError(s.t, err)
	names := make([]string, len(recorded))
	for i, r := range recorded {
		event, err := r.Event()
		check.NoError(s.t, err)
		names[i] = strings.TrimPrefix(fmt.Sprintf("%T", event), "domain.")
	}
	return strings.Join(names, " ")
}

// leases returns the socket ids of all leases.
func (s *server) leases() (sockets string) {
	s.t.Helper()
	check.NoError(s.t, s.pool.QueryRow(s.t.Context(),
		`select coalesce(string_agg(socket_id, ' ' order by socket_id), '') from connections`).Scan(&sockets))
	return sockets
}

// waiting counts the transactions that wait for a participant's lock.
func (s *server) waiting() (n int) {
	s.t.Helper()
	check.NoError(s.t, s.pool.QueryRow(s.t.Context(), `select count(*) from pg_locks
		where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`).Scan(&n))
	return n
}

// session returns the latest session's id.
func (s *server) session() string { return s.call().Session.ID }

// inCall reports whether the log has kim in the call.
func (s *server) inCall() bool { return s.call().Session.Participant("kim").InCall() }

func (s *server) call() (call domain.Call) {
	s.t.Helper()
	recorded, err := s.store.ReadStreamPage(s.t.Context(), eventstore.Stream("go"), 0, 10_000)
	check.NoError(s.t, err)
	for _, r := range recorded {
		event, err := r.Event()
		check.NoError(s.t, err)
		call.Evolve(event)
	}
	return call
}
