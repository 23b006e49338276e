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

// acknowledged remembers where each acknowledged event must be: its user is unique.
type acknowledged struct {
	mu sync.Mutex
	at map[string]int64
}

func (a *acknowledged) add(user string, position int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[user] = position
}

// check compares with the log: what was acknowledged is there once, where the answer said, and nothing else is.
func (a *acknowledged) check(t *testing.T, s server) {
	t.Helper()
	log := wholeLog(t, s)
	seen := map[string]bool{}
	for _, r := range log {
		event, err := r.Event()
		if err != nil {
			t.Fatal(err)
		}
		user := event.(domain.AudioMuted).UserID
		if position, ok := a.at[user]; seen[user] || !ok || position != 0 && position != r.Position {
			t.Fatalf("%s is at position %d, twice: %v, acknowledged: %v at %d", user, r.Position, seen[user], ok, position)
		}
		seen[user] = true
	}
	if len(log) != len(a.at) {
		t.Errorf("%d events in the log, %d were acknowledged", len(log), len(a.at))
	}
}

// Many write to few streams on two servers at once; who conflicts reads and tries again.
func TestConcurrentAppends(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	done := acknowledged{at: map[string]int64{}}
	const writers, rounds, streams = 24, 25, 8
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
			last, err := appendSomehow(t.Context(), s, stream, events)
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

// appendSomehow reads the version and appends, until nobody comes in between.
func appendSomehow(ctx context.Context, s server, stream string, events []domain.Event) (int64, error) {
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

// While somebody keeps cutting connections, an append may fail with its outcome unknown. Appending again with the same
// expected version is then right, whatever became of the first one.
func TestAppendsWhoseOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	stop := cutConnections(t, 15*time.Millisecond, `true`, s)
	done := acknowledged{at: map[string]int64{}}
	const writers, appends, most = 8, 40, 4000
	var unknown atomic.Int64
	inParallel(writers, func(w int) {
		stream := fmt.Sprintf("call-%d", w)
		// On a busy machine it takes longer until a cut meets an append.
		for version := int64(0); version < appends || unknown.Load() == 0 && version < most; version++ {
			user := fmt.Sprintf("%d-%d", w, version)
			var position int64
			var err error
			for first := true; first || errors.Is(err, eventstore.ErrUnavailable); first = false {
				position, err = s.Append(t.Context(), stream, version, []domain.Event{muted("s", user)})
				if errors.Is(err, eventstore.ErrUnavailable) {
					unknown.Add(1)
				} else if errors.Is(err, eventstore.ErrConflict) && !first {
					position, err = 0, nil // nobody else writes here: the one before did commit
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
		t.Error("nothing was ever interrupted: this shows nothing")
	}
}

// cut loses what the database answers, while it is deaf: the request gets through, the answer does not.
type cut struct {
	net.Conn
	deaf *atomic.Bool
}

func (c cut) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.deaf.Load() {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// deafServer is a server that hears no answer of the database while deaf is set.
func deafServer(t *testing.T) (s server, deaf *atomic.Bool) {
	t.Helper()
	config, err := pgxpool.ParseConfig(postgrestest.NewURL(t))
	if err != nil {
		t.Fatal(err)
	}
	deaf, dial := &atomic.Bool{}, config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return cut{conn, deaf}, err
	}
	return storeOf(t, config), deaf
}

// The connection breaks after the commit, before its answer has come. The append is under way in the database when the
// server turns deaf, so it is the commit's answer that is lost and not one to something before it.
func TestALostAnswer(t *testing.T) {
	t.Parallel()
	s, deaf := deafServer(t)
	mustAppend(t, s, "call-a", 0, muted("s", "1"))
	holder := newPool(t, s.pool.Config().ConnString(), "holder")
	tx := begin(t, holder, pgx.TxOptions{})
	execute(t, tx, `select from log_head for update`)
	lost := appending(s, "call-a", 1, muted("s", "2"))
	waitForLocks(t, holder, 1)
	deaf.Store(true)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	fails(t, (<-lost).err, eventstore.ErrUnavailable)
	deaf.Store(false)
	var err error
	check.Eventually(t, "the database is back", func() bool {
		_, err = s.Append(t.Context(), "call-a", 1, []domain.Event{muted("s", "2")})
		return !errors.Is(err, eventstore.ErrUnavailable)
	})
	fails(t, err, eventstore.ErrConflict)
	holds(t, s, "call-a/AudioMuted/1", "call-a/AudioMuted/2")
	followed(t, s.Tail(0), 1, 2)
}

// cutConnections goes on ending connections of the servers, which are on one database, that meet a condition, up to a
// pause apart, until stop.
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
			s.pool.Reset() // connections that were cut and have not noticed
		}
		return n
	}
}
