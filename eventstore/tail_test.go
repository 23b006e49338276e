package eventstore_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// followed fails the test unless the tail gives just the events from one position to another, in order.
func followed(t *testing.T, tail *eventstore.Tail, first, last int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for want := first; want <= last; {
		events, err := tail.Next(ctx)
		if err != nil {
			t.Errorf("waiting for position %d: %v", want, err)
			return
		}
		for _, r := range events {
			if r.Position != want {
				t.Errorf("got position %d, want %d", r.Position, want)
				return
			}
			want++
		}
	}
}

// quiet fails the test if the tail gives anything, within a moment.
func quiet(t *testing.T, tail *eventstore.Tail) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	events, err := tail.Next(ctx)
	if fails(t, err, context.DeadlineExceeded); len(events) > 0 {
		t.Errorf("got %+v, want nothing", events)
	}
}

func TestTailFirstWhatIsThereThenWhatComes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	fill(t, s, "call-a", 3)
	fromStart, fromMiddle, fromEnd, ahead := s.Tail(0), s.Tail(2), s.Tail(3), s.Tail(4)
	followed(t, fromStart, 1, 3)
	followed(t, fromMiddle, 3, 3)
	for _, tail := range []*eventstore.Tail{fromStart, fromMiddle, fromEnd, ahead} {
		quiet(t, tail)
	}
	mustAppend(t, s, "call-a", 3, many(3, 2)...)
	for _, tail := range []*eventstore.Tail{fromStart, fromMiddle, fromEnd} {
		followed(t, tail, 4, 5)
	}
	followed(t, ahead, 5, 5)
}

// Followers who begin anywhere in a log that is longer than what is held in memory: on the server that wrote it, on one
// that was started afterwards and holds nothing, and on one that was there all the time and followed by nobody.
func TestTailBeyondTheBuffer(t *testing.T) {
	t.Parallel()
	const n = eventstore.TailLength + 1500
	writer := newServer(t)
	idle := newServerOn(t, writer.pool.Config().ConnString())
	slow := writer.Tail(0)
	fill(t, writer, "call-a", n/2)
	followed(t, writer.Tail(0), 1, n/2) // so that the buffer is in use
	for first := n / 2; first < n; first += 100 {
		mustAppend(t, writer, "call-a", int64(first), many(first, min(100, n-first))...)
	}
	fresh := newServerOn(t, writer.pool.Config().ConnString())
	tails, firsts := []*eventstore.Tail{slow}, []int64{1}
	for _, after := range []int64{n - 1, n - 501, n - eventstore.TailLength, 700, 1, 0} {
		followed(t, idle.Tail(after), after+1, n)
		tails = append(tails, writer.Tail(after), fresh.Tail(after), idle.Tail(after))
		firsts = append(firsts, after+1, after+1, after+1)
	}
	inParallel(len(tails), func(i int) { followed(t, tails[i], firsts[i], n) })
	mustAppend(t, fresh, "call-a", n, muted("s", "x"))
	inParallel(len(tails), func(i int) { followed(t, tails[i], n+1, n+1) })
}

// Many follow from different positions and at different paces, on both servers, while both append. Some stay behind
// until the buffer has left them.
func TestTailsWhileOthersAppend(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	const before, writers, appends, size = 700, 4, 50, 30
	const last = before + writers*appends*size
	fill(t, a, "call-before", before)
	var appended atomic.Int64
	writing := func(w int) {
		for i := range appends {
			mustAppend(t, []server{a, b}[w%2], fmt.Sprintf("call-%d", w), int64(i*size), many(i*size, size)...)
			appended.Add(size)
		}
	}
	following := func(i int) {
		after := []int64{0, 300, before, before + 1, 2000}[i/2%5]
		tail := []server{a, b}[i%2].Tail(after)
		if i < 10 {
			followed(t, tail, after+1, last)
			return
		}
		page, err := tail.Next(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		check.Eventually(t, "all is appended", func() bool { return appended.Load() == last-before })
		followed(t, tail, page[len(page)-1].Position+1, last)
	}
	inParallel(writers+16, func(i int) {
		if i < writers {
			writing(i)
		} else {
			following(i - writers)
		}
	})
}

func listeners(t *testing.T, s server) []int32 {
	t.Helper()
	return query[int32](t, s.pool, `select pid from pg_stat_activity
		where datname = current_database() and query like 'listen studycall_log%'`)
}

// Without notifications others' appends are still heard of, and the notifications come back.
func TestTheListenersConnectionIsCut(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	tail := a.Tail(0)
	for round := range 3 {
		var before []int32
		check.Eventually(t, "both servers listen", func() bool { before = listeners(t, a); return len(before) == 2 })
		for _, pid := range before {
			execute(t, a.pool, `select pg_terminate_backend($1)`, pid)
		}
		mustAppend(t, b, "call-a", int64(round), muted("s", "x"))
		followed(t, tail, int64(round+1), int64(round+1))
		check.Eventually(t, "both servers listen again", func() bool {
			after := listeners(t, a)
			return len(after) == 2 && !slices.ContainsFunc(after, func(pid int32) bool { return slices.Contains(before, pid) })
		})
	}
	mustAppend(t, b, "call-a", 3, muted("s", "x"))
	followed(t, tail, 4, 4)
}

// Events of which nobody was notified are found all the same.
func TestNotificationsMayBeLost(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	table := seenTable(t, s)
	stop := follow(t, s, "seen", table.apply)
	tail := s.Tail(0)
	for n := range int64(3) {
		execute(t, s.pool, `insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at)
			values ($1, 'call-a', $1, 's', 'AudioMuted', 1, '{}', now())`, n+1)
		followed(t, tail, n+1, n+1)
		handled(t, s, "seen", n+1)
	}
	stop()
	table.equalsLog(t, s, 3)
}

// A tail outlives an outage: its error is the database's, and then it goes on where it was.
func TestTailGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	const n = 2000
	writer := newServer(t)
	fill(t, writer, "call-a", n)
	s := newServerOn(t, writer.pool.Config().ConnString()) // holds nothing in memory: it has to read
	stop := cutConnections(t, 15*time.Millisecond, `query not like 'listen%'`, s)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for interrupted := 0; interrupted < 3; { // from the beginning, until it was interrupted
		tail := s.Tail(0)
		for want := int64(1); want <= n; {
			events, err := tail.Next(ctx)
			if ctx.Err() != nil {
				t.Fatalf("interrupted %d times, want 3", interrupted)
			}
			if err != nil {
				interrupted++
			}
			for _, r := range events {
				if r.Position != want {
					t.Fatalf("got position %d, want %d", r.Position, want)
				}
				want++
			}
		}
	}
}

// counter counts the statements that are sent.
type counter struct{ statements atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.statements.Add(1)
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Whoever waits for events costs the database next to nothing, whatever position it waits at.
func TestWaitingIsIdle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		events int
		after  int64
	}{
		"at the beginning of an empty log":  {0, 0},
		"before the beginning of the log":   {0, -1},
		"at the end":                        {3, 3},
		"beyond the end":                    {3, 99},
		"long before the beginning, behind": {3, -99},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := pgxpool.ParseConfig(postgrestest.NewURL(t))
			if err != nil {
				t.Fatal(err)
			}
			count := &counter{}
			config.ConnConfig.Tracer = count
			s := storeOf(t, config)
			fill(t, s, "call-a", c.events)
			tail := s.Tail(c.after)
			if c.after < int64(c.events) && c.events > 0 {
				followed(t, tail, max(c.after+1, 1), int64(c.events))
			}
			before := count.statements.Load()
			quiet(t, tail)
			if n := count.statements.Load() - before; n > 10 {
				t.Errorf("waiting sent %d statements", n)
			}
		})
	}
}

// After a failover to a standby that was behind, the log ends before what the server had heard of.
func TestWaitingIsIdleWhereTheLogLostItsEnd(t *testing.T) {
	t.Parallel()
	url := postgrestest.NewURL(t)
	fill(t, newServerOn(t, url), "call-a", 10)
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	count := &counter{}
	config.ConnConfig.Tracer = count
	s := storeOf(t, config) // whose memory begins at the head, 10
	execute(t, s.pool, `set session_replication_role = replica; delete from events where position > 5; set session_replication_role = origin`)
	tail := s.Tail(3)
	followed(t, tail, 4, 5)

	before := count.statements.Load()
	quiet(t, tail)

	if n := count.statements.Load() - before; n > 10 {
		t.Errorf("waiting sent %d statements", n)
	}
}
