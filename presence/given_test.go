package presence_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime/realtimetest"
)

const patience = realtimetest.Patience

// server is a registry and the commands that it issues, which a test may hold up.
type server struct {
	*presence.Registry
	*commands.Handlers
	t     *testing.T
	pool  *pgxpool.Pool
	store *eventstore.Store

	// leaving, unless nil, is told of each leave before it is carried out, which waits until it returns.
	leaving func()
}

// members are everybody.
type members struct{}

func (members) ActiveMember(context.Context, string, string) error { return nil }

// noCalls are the open calls of a service in which nobody is left without a lease.
type noCalls struct{}

func (noCalls) OpenCalls(context.Context) (map[string]domain.Session, error) {
	return map[string]domain.Session{}, nil
}

// LeaveSession is the commands', when the test lets it.
func (s *server) LeaveSession(ctx context.Context, cmd commands.LeaveSession) (int64, error) {
	if s.leaving != nil {
		s.leaving()
	}
	return s.Handlers.LeaveSession(ctx, cmd)
}

func newServer(t *testing.T, grace time.Duration) *server {
	t.Helper()
	pool := postgrestest.New(t)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	store, err := eventstore.Open(t.Context(), pool, log)
	must(t, err)
	t.Cleanup(store.Close)
	handlers, err := commands.New(store, members{}, commands.DefaultSettings(), rand.Text)
	must(t, err)
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

// join does what a socket's join does: start, lease, join; once more if the session ended in between.
func (s *server) join(socketID string) (session string) {
	s.t.Helper()
	session, err := s.tryJoin(socketID)
	must(s.t, err)
	return session
}

func (s *server) tryJoin(socketID string) (session string, err error) {
	for {
		at := time.Now()
		started, err := s.StartSession(s.t.Context(), commands.StartSession{StudyID: "go", UserID: "kim", At: at})
		if err != nil {
			return "", err
		}
		if err := s.Join(s.t.Context(), lease(socketID), started.SessionID, at); err != nil {
			return "", err
		}
		_, err = s.JoinSession(s.t.Context(), commands.JoinSession{StudyID: "go", SessionID: started.SessionID, UserID: "kim", At: at})
		if !errors.Is(err, domain.ErrSessionEnded) {
			return started.SessionID, err
		}
	}
}

func lease(socketID string) presence.Lease {
	return presence.Lease{StudyID: "go", UserID: "kim", SocketID: socketID}
}

// log is the study's events, by their types.
func (s *server) log() string {
	s.t.Helper()
	recorded, err := s.store.ReadStream(s.t.Context(), eventstore.Stream("go"), 0)
	must(s.t, err)
	names := make([]string, len(recorded))
	for i, r := range recorded {
		event, err := r.Event()
		must(s.t, err)
		names[i] = strings.TrimPrefix(fmt.Sprintf("%T", event), "domain.")
	}
	return strings.Join(names, " ")
}

// leases counts what is left, by socket.
func (s *server) leases() (sockets string) {
	s.t.Helper()
	must(s.t, s.pool.QueryRow(s.t.Context(),
		`select coalesce(string_agg(socket_id, ' ' order by socket_id), '') from connections`).Scan(&sockets))
	return sockets
}

func (s *server) eventually(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// waiting counts the transactions that wait for a participant's lock.
func (s *server) waiting() (n int) {
	s.t.Helper()
	must(s.t, s.pool.QueryRow(s.t.Context(), `select count(*) from pg_locks
		where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`).Scan(&n))
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// session is the latest session's id.
func (s *server) session() string { return s.call().Session.ID }

// inCall reports whether kim is in the call, by the log.
func (s *server) inCall() bool { return s.call().Session.Participant("kim").InCall() }

func (s *server) call() (call domain.Call) {
	s.t.Helper()
	recorded, err := s.store.ReadStream(s.t.Context(), eventstore.Stream("go"), 0)
	must(s.t, err)
	for _, r := range recorded {
		event, err := r.Event()
		must(s.t, err)
		call.Evolve(event)
	}
	return call
}
