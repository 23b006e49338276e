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

// wantNext fails the test unless the tail returns the events from position first to last, in order.
func wantNext(t *testing.T, tail *eventstore.Tail, first, last int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for want := first; want <= last; {
		events, err := tail.Next(ctx)
		if err != nil {
			t.Errorf("wait for position %d: %v", want, err)
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

// wantNoEvents fails the test if the tail returns an event within 20 ms.
func wantNoEvents(t *testing.T, tail *eventstore.Tail) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	events, err := tail.Next(ctx)
	if wantError(t, err, context.DeadlineExceeded); len(events) > 0 {
		t.Errorf("got %+v, want nothing", events)
	}
}

func TestATailReturnsRecordedEventsThenNewOnes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	fill(t, s, "call-a", 3)
	fromStart, fromMiddle, fromEnd, ahead := s.Tail(0), s.Tail(2), s.Tail(3), s.Tail(4)
	wantNext(t, fromStart, 1, 3)
	wantNext(t, fromMiddle, 3, 3)
	for _, tail := range []*eventstore.Tail{fromStart, fromMiddle, fromEnd, ahead} {
		wantNoEvents(t, tail)
	}
	appendEvents(t, s, "call-a", 3, many(3, 2)...)
	for _, tail := range []*eventstore.Tail{fromStart, fromMiddle, fromEnd} {
		wantNext(t, tail, 4, 5)
	}
	wantNext(t, ahead, 5, 5)
}

// Tails begin at many positions of a log that is longer than the buffer: on the server that wrote the log, on one that was
// started afterwards and has an empty buffer, and on one that was running but had no tails.
func TestTailsOfALogLongerThanTheBuffer(t *testing.T) {
	t.Parallel()
	const n = eventstore.TailLength + 1500
	writer := newServer(t)
	idle := newServerOn(t, writer.pool.Config().ConnString())
	slow := writer.Tail(0)
	fill(t, writer, "call-a", n/2)
	wantNext(t, writer.Tail(0), 1, n/2) // fills the buffer
	for first := n / 2; first < n; first += 100 {
		appendEvents(t, writer, "call-a", int64(first), many(first, min(100, n-first))...)
	}
	fresh := newServerOn(t, writer.pool.Config().ConnString())
	tails, firsts := []*eventstore.Tail{slow}, []int64{1}
	for _, after := range []int64{n - 1, n - 501, n - eventstore.TailLength, 700, 1, 0} {
		wantNext(t, idle.Tail(after), after+1, n)
		tails = append(tails, writer.Tail(after), fresh.Tail(after), idle.Tail(after))
		firsts = append(firsts, after+1, after+1, after+1)
	}
	inParallel(len(tails), func(i int) { wantNext(t, tails[i], firsts[i], n) })
	appendEvents(t, fresh, "call-a", n, muted("s", "x"))
	inParallel(len(tails), func(i int) { wantNext(t, tails[i], n+1, n+1) })
}

// Tails begin at different positions and read at different speeds, on two servers, while both append. Some wait until the
// buffer has no longer the events that they need.
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
			appendEvents(t, []server{a, b}[w%2], fmt.Sprintf("call-%d", w), int64(i*size), many(i*size, size)...)
			appended.Add(size)
		}
	}
	following := func(i int) {
		after := []int64{0, 300, before, before + 1, 2000}[i/2%5]
		tail := []server{a, b}[i%2].Tail(after)
		if i < 10 {
			wantNext(t, tail, after+1, last)
			return
		}
		page, err := tail.Next(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		check.Eventually(t, "all events are appended", func() bool { return appended.Load() == last-before })
		wantNext(t, tail, page[len(page)-1].Position+1, last)
	}
	inParallel(writers+16, func(i int) {
		if i < writers {
			writing(i)
		} else {
			following(i - writers)
		}
	})
}

// listeners returns the process ids of the listening connections.
func listeners(t *testing.T, s server) []int32 {
	t.Helper()
	return query[int32](t, s.pool, `select pid from pg_stat_activity
		where datname = current_database() and query like 'listen studycall_log%'`)
}

// After the listening connections are cut, tails still return other servers' events, and the servers listen again.
func TestTailsSurviveTheLossOfTheListener(t *testing.T) {
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
		appendEvents(t, b, "call-a", int64(round), muted("s", "x"))
		wantNext(t, tail, int64(round+1), int64(round+1))
		check.Eventually(t, "both servers listen again", func() bool {
			after := listeners(t, a)
			return len(after) == 2 && !slices.ContainsFunc(after, func(pid int32) bool { return slices.Contains(before, pid) })
		})
	}
	appendEvents(t, b, "call-a", 3, muted("s", "x"))
	wantNext(t, tail, 4, 4)
}

// Tails and subscribers find events without a notification.
func TestEventsWithoutANotificationAreFound(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	table := newFoldTable(t, s)
	stop := follow(t, s, "seen", table.apply)
	tail := s.Tail(0)
	for n := range int64(3) {
		execute(t, s.pool, `insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at)
			values ($1, 'call-a', $1, 's', 'AudioMuted', 1, '{}', now())`, n+1)
		wantNext(t, tail, n+1, n+1)
		waitForCheckpoint(t, s, "seen", n+1)
	}
	stop()
	table.equalsLog(t, 3)
}

// Next returns the database's error, and the next call continues after the last event returned.
func TestATailContinuesAfterAnError(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: takes seconds until connections are cut in the middle")
	}
	const n = 2000
	writer := newServer(t)
	fill(t, writer, "call-a", n)
	s := newServerOn(t, writer.pool.Config().ConnString()) // its buffer is empty, so it reads the database
	stop := cutConnections(t, 15*time.Millisecond, `query not like 'listen%'`, s)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for interrupted := 0; interrupted < 3; {
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

// counter counts the statements sent.
type counter struct{ statements atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.statements.Add(1)
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// A waiting tail sends the database hardly any statements, whatever its position.
func TestAWaitingTailIsIdle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		events int
		after  int64
	}{
		"at the beginning of an empty log": {0, 0},
		"before the beginning of the log":  {0, -1},
		"at the end":                       {3, 3},
		"beyond the end":                   {3, 99},
		"long before the beginning":        {3, -99},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := pgxpool.ParseConfig(postgrestest.NewURL(t))
			if err != nil {
				t.Fatal(err)
			}
			count := &counter{}
			config.ConnConfig.Tracer = count
			s := newServerWith(t, config)
			fill(t, s, "call-a", c.events)
			tail := s.Tail(c.after)
			if c.after < int64(c.events) && c.events > 0 {
				wantNext(t, tail, max(c.after+1, 1), int64(c.events))
			}
			before := count.statements.Load()
			wantNoEvents(t, tail)
			if n := count.statements.Load() - before; n > 10 {
				t.Errorf("waiting sent %d statements, want at most 10", n)
			}
		})
	}
}

// After a failover to a standby that lagged, the log ends before the head that the server knows.
func TestAWaitingTailIsIdleAfterAFailover(t *testing.T) {
	t.Parallel()
	url := postgrestest.NewURL(t)
	fill(t, newServerOn(t, url), "call-a", 10)
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	count := &counter{}
	config.ConnConfig.Tracer = count
	s := newServerWith(t, config) // its buffer begins at the head, 10
	execute(t, s.pool, `set session_replication_role = replica; delete from events where position > 5; set session_replication_role = origin`)
	tail := s.Tail(3)
	wantNext(t, tail, 4, 5)

	before := count.statements.Load()
	wantNoEvents(t, tail)

	if n := count.statements.Load() - before; n > 10 {
		t.Errorf("waiting sent %d statements, want at most 10", n)
	}
}
