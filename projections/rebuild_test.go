package projections_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// givenSamples appends ended sessions of two studies, one of which nobody joined, and an open session.
func (srv *server) givenSamples() {
	srv.t.Helper()
	for n := range 3 {
		id := fmt.Sprintf("a%d", n)
		srv.given("study-1",
			domain.SessionStarted{Fact: at(id, n*1000), StartedBy: "kim"},
			domain.ParticipantJoined{Fact: at(id, n*1000+1), ParticipantID: id + "-kim", UserID: "kim"},
			domain.ParticipantJoined{Fact: at(id, n*1000+2), ParticipantID: id + "-lee", UserID: "lee"},
			domain.AudioMuted{Fact: at(id, n*1000+10), UserID: "kim"},
			domain.ParticipantLeft{Fact: at(id, n*1000+60), UserID: "kim", Reason: domain.Left},
			domain.ParticipantLeft{Fact: at(id, n*1000+90), UserID: "lee", Reason: domain.Left},
			domain.SessionEnded{Fact: at(id, n*1000+90), Reason: domain.EveryoneLeft})
	}
	srv.given("study-2",
		domain.SessionStarted{Fact: at("b0", 0), StartedBy: "park"},
		domain.SessionEnded{Fact: at("b0", 300), Reason: domain.NobodyJoined})
	srv.given("study-2",
		domain.SessionStarted{Fact: at("b1", 400), StartedBy: "park"},
		domain.ParticipantJoined{Fact: at("b1", 401), ParticipantID: "b1-park", UserID: "park"},
		domain.VideoTurnedOff{Fact: at("b1", 402), UserID: "park"})
	srv.next++
}

// givenOneMore appends an ended session of a new study.
func (srv *server) givenOneMore() {
	srv.t.Helper()
	srv.next++
	id := fmt.Sprintf("another-%d", srv.next)
	srv.given(id, domain.SessionStarted{Fact: at(id, srv.next), StartedBy: "choi"},
		domain.SessionEnded{Fact: at(id, srv.next+1), Reason: domain.NobodyJoined})
}

// withHook returns the server's projections, with methods of the first one overridden.
func (srv *server) withHook(hook func(*overridden)) []projections.Projection {
	return srv.withHookOn(srv.all, hook)
}

// withHookOn is withHook for some projections.
func (srv *server) withHookOn(chosen []projections.Projection, hook func(*overridden)) []projections.Projection {
	var all []projections.Projection
	for i, p := range chosen {
		a := overridden{Projection: p}
		if i == 0 {
			hook(&a)
		}
		all = append(all, a)
	}
	return all
}

func TestRebuildCreatesTheSameTables(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	before, schema := srv.contents(), srv.schema()
	for range 2 {
		srv.rebuild()
		srv.mustHaveContents(before)
		if d := lineDiff(srv.schema(), schema); d != "" {
			t.Fatalf("the new tables have another schema:\n%s", d)
		}
	}
	srv.mustHaveNoLeftovers()
}

// schema returns all columns, indexes and constraints of the live tables.
func (srv *server) schema() []string {
	srv.t.Helper()
	return srv.column(`
		select concat_ws(' ', table_schema, table_name, ordinal_position, column_name, data_type, is_nullable)
		from information_schema.columns where table_schema = any($1)
		union all select indexdef from pg_indexes where schemaname = any($1)
		union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
		where connamespace = any(select oid from pg_namespace where nspname = any($1))
		union all select concat_ws(' ', c.oid::regclass, reloptions) from pg_class c
		where relnamespace = any(select oid from pg_namespace where nspname = any($1)) and relkind = 'r'`,
		srv.schemas())
}

// schemas returns the schemas of the server's projections.
func (srv *server) schemas() (names []string) {
	for _, p := range srv.all {
		names = append(names, p.Name())
	}
	return names
}

func TestRebuildOfAnEmptyLog(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	before := srv.contents()
	srv.rebuild()
	srv.mustHaveContents(before)
	srv.mustVerify()
	srv.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	if open, _, err := srv.queries.Open(t.Context(), "study-1"); err != nil || open.ID != "s1" {
		t.Errorf("the live fold did not continue: %+v (%v)", open, err)
	}
}

// TestRebuildCreatesMissingTables on a database on which no server ever ran.
func TestRebuildCreatesMissingTables(t *testing.T) {
	t.Parallel()
	srv := idleServer(t, projections.All(seoul(t))...)
	srv.givenSamples()
	srv.rebuild()
	srv.mustMatchNaive(t, []string{"study-1", "study-2"})
	srv.prepare()
	srv.run()
	srv.givenOneMore()
	srv.waitUntilCaughtUp()
	srv.mustVerify()
	srv.mustMatchNaive(t, []string{"study-1", "study-2"})
}

// TestRebuildOfALongLog that has several pages, writes and slices to catch up with.
func TestRebuildOfALongLog(t *testing.T) {
	t.Parallel()
	skipIfShort(t, "writes 20,000 events")
	srv := newServer(t)
	var crowded, empty []domain.Event
	for n := range 390 {
		id := fmt.Sprintf("crowded-%d", n)
		crowded = append(crowded, domain.SessionStarted{Fact: at(id, n*100), StartedBy: "kim"})
		for user := range 12 {
			crowded = append(crowded, domain.ParticipantJoined{Fact: at(id, n*100+user), ParticipantID: fmt.Sprint(id, user), UserID: strconv.Itoa(user)})
		}
		for user := range 12 {
			crowded = append(crowded, domain.ParticipantLeft{Fact: at(id, n*100+50), UserID: strconv.Itoa(user), Reason: domain.Left})
		}
		crowded = append(crowded, domain.SessionEnded{Fact: at(id, n*100+50), Reason: domain.EveryoneLeft})
	}
	for n := range 5200 {
		id := fmt.Sprintf("empty-%d", n)
		empty = append(empty, domain.SessionStarted{Fact: at(id, n*100), StartedBy: "lee"},
			domain.SessionEnded{Fact: at(id, n*100+50), Reason: domain.NobodyJoined})
	}
	studies := []string{"crowded", "empty"}
	srv.given("crowded", crowded...)
	srv.given("empty", empty...)
	srv.waitUntilCaughtUp()
	before := srv.contents()
	last, total := int64(0), int64(0)
	rebuilder := projections.NewRebuilder(srv.pool, srv.store, srv.log, func(done, of int64) {
		if done <= last || done > of {
			t.Errorf("progress is %d of %d after %d", done, of, last)
		}
		last, total = done, of
	})
	check.NoError(srv.t, rebuilder.Rebuild(t.Context(), srv.all...))
	srv.mustHaveContents(before)
	srv.mustMatchNaive(t, studies)
	if last != total || total != srv.head() {
		t.Errorf("the last progress was %d of %d, the log has %d", last, total, srv.head())
	}

	// So many events are appended meanwhile that the rebuild catches up in several slices.
	check.NoError(srv.t, srv.rebuilder.Rebuild(t.Context(), srv.withHook(func(a *overridden) {
		a.indexing = func() {
			var events []domain.Event
			for n := range 1100 {
				id := fmt.Sprintf("meanwhile-%d", n)
				events = append(events, domain.SessionStarted{Fact: at(id, n*100), StartedBy: "kim"},
					domain.SessionEnded{Fact: at(id, n*100+1), Reason: domain.NobodyJoined})
			}
			srv.given("meanwhile", events...)
		}
	})...))
	srv.waitUntilCaughtUp()
	srv.mustMatchNaive(t, append(studies, "meanwhile"))
	srv.mustVerify()
}

// TestCancelledRebuildChangesNothing, whatever step it has reached.
func TestCancelledRebuildChangesNothing(t *testing.T) {
	t.Parallel()
	for when, hook := range map[string]func(srv *server, a *overridden, then func()){
		"before it folds": func(_ *server, a *overridden, then func()) { a.replaying = then },
		"when it indexes": func(_ *server, a *overridden, then func()) { a.indexing = then },
		"when it swaps": func(srv *server, a *overridden, then func()) {
			a.indexing = srv.givenOneMore
			a.folding = func([]eventstore.Recorded) error { then(); return nil }
		},
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(when, "swap") {
				skipIfShort(t, "needs a database for each step")
			}
			srv := newServer(t)
			srv.givenSamples()
			ctx, cancel := context.WithCancel(t.Context())
			cancelled := false
			err := srv.rebuilder.Rebuild(ctx, srv.withHook(func(a *overridden) { hook(srv, a, func() { cancelled = true; cancel() }) })...)
			if !errors.Is(err, context.Canceled) || !cancelled {
				t.Errorf("the error is %v", err)
			}
			srv.waitUntilCaughtUp()
			srv.mustVerify()
			srv.mustHaveNoLeftovers()
			srv.mustMatchNaive(t, []string{"study-1", "study-2"})
			srv.rebuild()
			srv.mustVerify()
		})
	}
}

// TestOneRebuildOfAProjectionAtATime: a second rebuild or verification of the same projection is refused, one of another
// projection is not, and the first continues.
func TestOneRebuildOfAProjectionAtATime(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	before := srv.contents()
	ctx, report := t.Context(), func(d projections.Difference) { t.Errorf("a difference: %+v", d) }
	meanwhile := func() {
		for what, err := range map[string]error{
			"rebuild": srv.rebuilder.Rebuild(ctx, projections.Sessions{}),
			"verify":  srv.rebuilder.Verify(ctx, report, projections.Sessions{}),
			"both":    srv.rebuilder.Rebuild(ctx, projections.History{}, projections.Sessions{}),
		} {
			if !errors.Is(err, projections.ErrRebuilding) || !strings.Contains(err.Error(), "sessions") {
				t.Errorf("a second %s: %v", what, err)
			}
		}
		if err := srv.rebuilder.Rebuild(ctx, projections.History{}); err != nil {
			t.Errorf("of another: %v", err)
		}
		if err := srv.rebuilder.Verify(ctx, report, projections.UserStats{}); err != nil {
			t.Errorf("of another: %v", err)
		}
	}
	calls := 0
	sessions := overridden{Projection: projections.Sessions{}, indexing: func() { calls++; meanwhile() }}
	check.NoError(srv.t, srv.rebuilder.Rebuild(ctx, sessions))
	check.NoError(srv.t, srv.rebuilder.Verify(ctx, report, sessions))
	if calls != 2 {
		t.Errorf("the hook ran %d times", calls)
	}
	srv.mustHaveContents(before)
	srv.mustHaveNoLeftovers()
}

// TestRebuildRightAfterARebuild: a rebuild has released its claim when it returns.
func TestRebuildRightAfterARebuild(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	for range fewer(30) {
		srv.rebuild(projections.UserStats{})
		srv.verify(projections.UserStats{})
	}
}

// TestFailedRebuildChangesNothing: the rebuild meets an unknown event in the replay or in the swap, and the error names the event.
func TestFailedRebuildChangesNothing(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"fold", "swap"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(when, "swap") {
				skipIfShort(t, "needs a database for each step")
			}
			srv := idleServer(t, projections.All(seoul(t))...)
			srv.prepare()
			srv.givenSamples()
			srv.rebuild()
			before := srv.contents()
			all, position := srv.all, int64(0)
			if when == "fold" {
				position = srv.givenUnknown("study-2")
			} else {
				all = srv.withHook(func(a *overridden) { a.indexing = func() { position = srv.givenUnknown("study-2") } })
			}
			err := srv.rebuilder.Rebuild(t.Context(), all...)
			var unknown *eventstore.UnknownEventError
			if !errors.As(err, &unknown) || unknown.Position != position || unknown.Type != "FromTheFuture" ||
				!strings.Contains(err.Error(), strconv.FormatInt(position, 10)) {
				t.Errorf("the error is %v", err)
			}
			srv.mustHaveContents(before)
			srv.mustHaveNoLeftovers()
			if found := srv.verify(); len(found) > 0 { // up to the position of the live tables
				t.Errorf("found %v", found)
			}
		})
	}
}

// TestRebuildSkipsTheSameEventsAsTheLiveFold: an event of a type that the projection does not fold, with an unknown schema, stops
// neither as long as its session is open. When the session ends it stops both.
func TestRebuildSkipsTheSameEventsAsTheLiveFold(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	newer := srv.givenNewer("study-2", "b1")
	srv.givenOneMore()
	others := srv.all[1:]
	for _, p := range others {
		check.NoError(srv.t, srv.store.WaitFor(t.Context(), projections.CheckpointName(p), srv.head()))
	}

	srv.rebuild(others...)
	srv.rebuild(srv.withHookOn(others, func(a *overridden) { a.indexing = srv.givenOneMore })...)

	if found := srv.verify(others...); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	var unknown *eventstore.UnknownEventError
	if err := srv.rebuilder.Rebuild(t.Context(), srv.all...); !errors.As(err, &unknown) || unknown.Position != newer {
		t.Errorf("with sessions, which folds the event: %v", err)
	}
	srv.given("study-2", domain.SessionEnded{Fact: at("b1", 900), Reason: domain.EveryoneLeft})
	for _, p := range others {
		if err := srv.rebuilder.Rebuild(t.Context(), p); !errors.As(err, &unknown) || unknown.Position != newer {
			t.Errorf("%s, which folds the ended session: %v", p.Name(), err)
		}
	}
	srv.mustHaveNoLeftovers()
}
