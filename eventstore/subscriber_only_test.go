package eventstore_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// A consumer of one type gets each event of the type once, in order, wherever slices end. Its checkpoint moves past all events.
func TestASubscriberOfOneTypeGetsEachEventOfIt(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := newServerOn(t, a.pool.Config().ConnString())
	table := newFoldTable(t, a)
	// SessionEnded events at both ends and in the middle of slices, and slices without one.
	const before = eventstore.SliceLimit*4 + 10
	endings := []int64{1, eventstore.SliceLimit, eventstore.SliceLimit + 1, eventstore.SliceLimit + 7, eventstore.SliceLimit * 4}
	execute(t, a.pool, `insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at)
		select n, 'call-a', n, 's', case when n = any($2) then 'SessionEnded' else 'AudioMuted' end, 1, '{"reason":"everyone-left"}', now()
		from generate_series(1, $1::int) n`, before, endings)
	createCheckpoint(t, a, "seen")
	stop := subscribe(t, a, "seen", domain.SessionEnded{}, table.apply)
	defer stop()
	waitForCheckpoint(t, a, "seen", before)

	version := int64(before)
	for i, appended := range []struct {
		by    server
		event domain.Event
	}{
		{a, muted("s", "x")}, {a, ended()}, {b, ended()}, {b, muted("s", "x")}, {a, ended()}, {a, muted("s", "x")}, {a, ended()},
	} {
		appendEvents(t, appended.by, "call-a", version, appended.event)
		version++
		if appended.event == ended() {
			endings = append(endings, version)
		}
		if i%2 == 0 { // so that slices have one or two events
			waitForCheckpoint(t, a, "seen", version)
		}
	}

	if got := query[int64](t, a.pool, `select position from seen order by n`); !slices.Equal(got, endings) {
		t.Errorf("got the endings at %v, want %v", got, endings)
	}
	if position, failure := checkpoint(t, a, "seen"); position != version || failure != "" {
		t.Errorf("the checkpoint is at %d of %d with %q", position, version, failure)
	}
}

// A skipped event is not passed to the handler even if it is the last of its slice: this program may be unable to decode it,
// because a newer program wrote it. An event of an unknown type may matter, and is passed to the handler.
func TestASubscriberOfOneTypeGetsUnknownTypesToo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	table := newFoldTable(t, s)
	createCheckpoint(t, s, "seen")
	stop := subscribe(t, s, "seen", domain.SessionEnded{}, table.apply)
	defer stop()
	for i, name := range []string{"AudioMuted", "SessionEnded", "CallRecorded", "AudioMuted"} {
		execute(t, s.pool, `select append_events(array['call-a'], array[$1::bigint], array[1], array['s'], array[$2], array[9::smallint],
			array['{}'], array[now()])`, i, name)
		waitForCheckpoint(t, s, "seen", int64(i+1))
	}
	if got := query[string](t, s.pool, `select type from seen order by n`); !slices.Equal(got, []string{"SessionEnded", "CallRecorded"}) {
		t.Errorf("got events of the types %v", got)
	}
}

// A checkpoint moves past many skipped events at once. One transaction for each would be most of a server's work.
func TestSkippedEventsShareATransaction(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	createCheckpoint(t, s, "seen")
	execute(t, s.pool, `create table moves (position bigint);
		create function moved() returns trigger language plpgsql as $$ begin insert into moves values (new.position); return new; end $$;
		create trigger moved after update of position on checkpoints for each row execute function moved()`)
	stop := subscribe(t, s, "seen", domain.SessionEnded{}, func(context.Context, pgx.Tx, []eventstore.Recorded) error { return nil })
	defer stop()
	const n = 200
	began := time.Now()
	for i := range n {
		appendEvents(t, s, "call-a", int64(i), muted("s", "x"))
	}
	waitForCheckpoint(t, s, "seen", n)
	most := 2 + int(time.Since(began)/eventstore.SkipDelay) // also on a slow machine
	if moves := query[int](t, s.pool, `select count(*)::int from moves`)[0]; moves > most {
		t.Errorf("the checkpoint moved %d times past %d skipped events, want at most %d", moves, n, most)
	}
}
