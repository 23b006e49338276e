package eventstore_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// A consumer of one type is given each event of it once, in order, wherever slices end, and its checkpoint moves past all.
func TestASubscriberOfOneType(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	table := seenTable(t, a)
	// Endings at the ends of slices and in the middle of one, and slices that have none.
	const before = eventstore.SliceLimit*4 + 10
	endings := []int64{1, eventstore.SliceLimit, eventstore.SliceLimit + 1, eventstore.SliceLimit + 7, eventstore.SliceLimit * 4}
	execute(t, a.pool, `insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at)
		select n, 'call-a', n, 's', case when n = any($2) then 'SessionEnded' else 'AudioMuted' end, 1, '{"reason":"everyone-left"}', now()
		from generate_series(1, $1::int) n`, before, endings)
	if err := a.EnsureCheckpoint(t.Context(), "seen"); err != nil {
		t.Fatal(err)
	}
	stop := subscribe(t, a, "seen", domain.SessionEnded{}, func(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
		return table.apply(ctx, tx, slices.DeleteFunc(slices.Clone(events), func(r eventstore.Recorded) bool { return r.Type != "SessionEnded" }))
	})
	defer stop()
	handled(t, a, "seen", before)

	version := int64(before)
	for i, appended := range []struct {
		by    server
		event domain.Event
	}{
		{a, muted("s", "x")}, {a, ended()}, {b, ended()}, {b, muted("s", "x")}, {a, ended()}, {a, muted("s", "x")}, {a, ended()},
	} {
		mustAppend(t, appended.by, "call-a", version, appended.event)
		version++
		if appended.event == ended() {
			endings = append(endings, version)
		}
		if i%2 == 0 { // one at a time, and two at once
			handled(t, a, "seen", version)
		}
	}

	if got := query[int64](t, a.pool, `select position from seen order by n`); !slices.Equal(got, endings) {
		t.Errorf("got the endings at %v, want %v", got, endings)
	}
	if position, failure := checkpoint(t, a, "seen"); position != version || failure != "" {
		t.Errorf("the checkpoint is at %d of %d with %q", position, version, failure)
	}
}

// What nobody wants is passed over many at a time: one transaction for each would be the larger part of a server's work.
func TestWhatIsNotWantedIsPassedOverTogether(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := s.EnsureCheckpoint(t.Context(), "seen"); err != nil {
		t.Fatal(err)
	}
	const n = 100
	slices := make(chan int, 2*n)
	stop := subscribe(t, s, "seen", domain.SessionEnded{}, func(_ context.Context, _ pgx.Tx, events []eventstore.Recorded) error {
		slices <- len(events)
		return nil
	})
	defer stop()
	for i := range n {
		mustAppend(t, s, "call-a", int64(2*i), muted("s", "x"), muted("s", "x"))
	}
	handled(t, s, "seen", 2*n)
	if passed := len(slices); passed > n/2 {
		t.Errorf("%d appends of what nobody wants took %d transactions to pass over", n, passed)
	}
}
