package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// acknowledged holds the position of each acknowledged event, by its user, which is unique. Position 0 means unknown.
type acknowledged struct {
	mu sync.Mutex
	at map[string]int64
}

func (a *acknowledged) add(user string, position int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[user] = position
}

// check fails the test unless the log holds each acknowledged event once, at its position, and no other events.
func (a *acknowledged) check(t *testing.T, s server) {
	t.Helper()
	log := wholeLog(t, s)
	seen := map[string]bool{}
	for _, r := range log {
		event, err := r.Event()
		check.NoError(t, err)
		user := event.(domain.AudioMuted).UserID
		if position, ok := a.at[user]; seen[user] || !ok || position != 0 && position != r.Position {
			t.Fatalf("%s is at position %d, twice: %v, acknowledged: %v, at %d", user, r.Position, seen[user], ok, position)
		}
		seen[user] = true
	}
	if len(log) != len(a.at) {
		t.Errorf("the log holds %d events, %d were acknowledged", len(log), len(a.at))
	}
}

// Many writers append to few streams on two servers. After a conflict they read the version and try again.
func TestConcurrentAppends(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	done := acknowledged{at: map[string]int64{}}
	const writers, streams = 24, 8
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	inParallel(writers, func(w int) {
		s := []server{a, b}[w%2]
		for round := range rounds {
			stream := fmt.Sprintf("call-%d", rand.IntN(streams))
			users := make([]string, 1+rand.IntN(3))
			events := make([]domain.Event, len(users))
			for i := range users {
				users[i] = fmt.Sprintf("%d-%d-%d", w, round, i)
				events[i] = muted("s", users[i])
			}
			last, err := appendWithRetry(t.Context(), s, stream, events)
			if err != nil {
				t.Errorf("append: %v", err)
				return
			}
			for i, user := range users {
				done.add(user, last-int64(len(users)-1-i))
			}
		}
	})
	done.check(t, a)
}

// appendWithRetry reads the version of the stream and appends, until there is no conflict.
func appendWithRetry(ctx context.Context, s server, stream string, events []domain.Event) (int64, error) {
	version := int64(0)
	for {
		recorded, err := s.ReadStreamPage(ctx, stream, version, 1000)
		if err != nil {
			return 0, err
		}
		version += int64(len(recorded))
		position, err := s.Append(ctx, stream, version, events)
		if !errors.Is(err, eventstore.ErrConflict) {
			return position, err
		}
	}
}

// While connections are cut, an append may fail with an unknown outcome. Appending again with the same expected version is
// then safe, whether the first append was committed or not.
func TestAppendsWithAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: takes 10 s, and minutes on a busy machine")
	}
	s := newServer(t)
	stop := cutConnections(t, 15*time.Millisecond, `true`, s)
	done := acknowledged{at: map[string]int64{}}
	const writers, appends, most = 8, 40, 4000
	var unknown atomic.Int64
	inParallel(writers, func(w int) {
		stream := fmt.Sprintf("call-%d", w)
		// On a busy machine, it takes longer until a cut interrupts an append.
		for version := int64(0); version < appends || unknown.Load() == 0 && version < most; version++ {
			user := fmt.Sprintf("%d-%d", w, version)
			var position int64
			var err error
			for first := true; first || errors.Is(err, eventstore.ErrUnavailable); first = false {
				position, err = s.Append(t.Context(), stream, version, []domain.Event{muted("s", user)})
				if errors.Is(err, eventstore.ErrUnavailable) {
					unknown.Add(1)
				} else if errors.Is(err, eventstore.ErrConflict) && !first {
					position, err = 0, nil // this stream has one writer: its first append was committed
				}
			}
			if err != nil {
				t.Errorf("append to %s at version %d: %v", stream, version, err)
				return
			}
			done.add(user, position)
		}
	})
	cuts := stop()
	done.check(t, s)
	if t.Logf("%d cuts, %d appends whose outcome was unknown", cuts, unknown.Load()); cuts == 0 || unknown.Load() == 0 {
		t.Error("no append was interrupted: the test shows nothing")
	}
}

// deafConn is a connection that, while deaf is set, sends requests and breaks when the answer arrives.
type deafConn struct {
	net.Conn
	deaf *atomic.Bool
}

func (c deafConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.deaf.Load() {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// newDeafServer starts a server that loses every answer of the database while deaf is set.
func newDeafServer(t *testing.T) (s server, deaf *atomic.Bool) {
	t.Helper()
	config, err := pgxpool.ParseConfig(postgrestest.NewURL(t))
	check.NoError(t, err)
	deaf, dial := &atomic.Bool{}, config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return deafConn{conn, deaf}, err
	}
	return newServerWith(t, config), deaf
}

// The connection breaks after the commit, before the answer has arrived. The append already waits for a lock in the database
// when deaf is set, so the lost answer is that of the commit.
func TestTheAnswerToACommitIsLost(t *testing.T) {
	t.Parallel()
	s, deaf := newDeafServer(t)
	appendEvents(t, s, "call-a", 0, muted("s", "1"))
	holder := newPool(t, s.pool.Config().ConnString(), "holder")
	tx := begin(t, holder, pgx.TxOptions{})
	execute(t, tx, `select from log_head for update`)
	lost := appendAsync(s, "call-a", 1, muted("s", "2"))
	waitForLockWaiters(t, holder, 1)
	deaf.Store(true)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, (<-lost).err, eventstore.ErrUnavailable)
	deaf.Store(false)
	var err error
	check.Eventually(t, "the database is available again", func() bool {
		_, err = s.Append(t.Context(), "call-a", 1, []domain.Event{muted("s", "2")})
		return !errors.Is(err, eventstore.ErrUnavailable)
	})
	wantError(t, err, eventstore.ErrConflict)
	wantLog(t, s, "call-a/AudioMuted/1", "call-a/AudioMuted/2")
	wantNext(t, s.Tail(0), 1, 2)
}

// cutConnections terminates connections of the servers, which share a database, that meet an SQL condition, at random
// intervals of up to pause, until stop.
func cutConnections(t *testing.T, pause time.Duration, condition string, servers ...server) (stop func() (cuts int)) {
	t.Helper()
	killer := newPool(t, servers[0].pool.Config().ConnString(), "killer")
	ctx, cancel := context.WithCancel(t.Context())
	cuts := make(chan int, 1)
	go func() {
		n := 0
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(rand.N(pause)):
			}
			var cut int
			if err := killer.QueryRow(context.WithoutCancel(ctx), `select count(pg_terminate_backend(pid)) from (
				select pid from pg_stat_activity where datname = current_database() and application_name = 'studycall'
				and `+condition+` order by random() limit 2) victims`).Scan(&cut); err == nil {
				n += cut
			}
		}
		cuts <- n
	}()
	return func() int {
		cancel()
		n := <-cuts
		for _, s := range servers {
			s.pool.Reset() // closes connections that were cut
		}
		return n
	}
}
