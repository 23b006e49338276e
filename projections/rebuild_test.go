package projections_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// givenSome is a little of everything: ended sessions of two studies, one that nobody joined, and one that is open.
func (h *house) givenSome() {
	h.t.Helper()
	for n := range 3 {
		id := fmt.Sprintf("a%d", n)
		h.given("study-1",
			domain.SessionStarted{Fact: at(id, n*1000), StartedBy: "kim"},
			domain.ParticipantJoined{Fact: at(id, n*1000+1), ParticipantID: id + "-kim", UserID: "kim"},
			domain.ParticipantJoined{Fact: at(id, n*1000+2), ParticipantID: id + "-lee", UserID: "lee"},
			domain.AudioMuted{Fact: at(id, n*1000+10), UserID: "kim"},
			domain.ParticipantLeft{Fact: at(id, n*1000+60), UserID: "kim", Reason: domain.Left},
			domain.ParticipantLeft{Fact: at(id, n*1000+90), UserID: "lee", Reason: domain.Left},
			domain.SessionEnded{Fact: at(id, n*1000+90), Reason: domain.EveryoneLeft})
	}
	h.given("study-2",
		domain.SessionStarted{Fact: at("b0", 0), StartedBy: "park"},
		domain.SessionEnded{Fact: at("b0", 300), Reason: domain.NobodyJoined})
	h.given("study-2",
		domain.SessionStarted{Fact: at("b1", 400), StartedBy: "park"},
		domain.ParticipantJoined{Fact: at("b1", 401), ParticipantID: "b1-park", UserID: "park"},
		domain.VideoTurnedOff{Fact: at("b1", 402), UserID: "park"})
	h.next++
}

// another is a session of a study of its own.
func (h *house) another() {
	h.t.Helper()
	h.next++
	id := fmt.Sprintf("another-%d", h.next)
	h.given(id, domain.SessionStarted{Fact: at(id, h.next), StartedBy: "choi"},
		domain.SessionEnded{Fact: at(id, h.next+1), Reason: domain.NobodyJoined})
}

// hooked are the house's projections, with something that happens when a rebuild is at a point of the first of them.
func (h *house) hooked(hook func(*altered)) []projections.Projection {
	return h.hookedOnly(h.all, hook)
}

// hookedOnly is hooked for some projections.
func (h *house) hookedOnly(chosen []projections.Projection, hook func(*altered)) []projections.Projection {
	var all []projections.Projection
	for i, p := range chosen {
		a := altered{Projection: p}
		if i == 0 {
			hook(&a)
		}
		all = append(all, a)
	}
	return all
}

func TestARebuildMakesTheSameTables(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	before, schema := h.contents(), h.schema()
	for range 2 {
		h.rebuild()
		h.mustHave(before)
		if d := unlike(h.schema(), schema); d != "" {
			t.Fatalf("the new tables are made otherwise:\n%s", d)
		}
	}
	h.mustBeTidy()
}

// schema are all columns, indexes and constraints of the live tables.
func (h *house) schema() []string {
	h.t.Helper()
	return h.column(`
		select concat_ws(' ', table_schema, table_name, ordinal_position, column_name, data_type, is_nullable)
		from information_schema.columns where table_schema = any($1)
		union all select indexdef from pg_indexes where schemaname = any($1)
		union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
		where connamespace = any(select oid from pg_namespace where nspname = any($1))
		union all select concat_ws(' ', c.oid::regclass, reloptions) from pg_class c
		where relnamespace = any(select oid from pg_namespace where nspname = any($1)) and relkind = 'r'`,
		h.names())
}

// names are those of the house's projections.
func (h *house) names() (names []string) {
	for _, p := range h.all {
		names = append(names, p.Name())
	}
	return names
}

func TestARebuildOfAnEmptyLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.contents()
	h.rebuild()
	h.mustHave(before)
	h.mustBeTheLog()
	h.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	if open, _, err := h.queries.Open(t.Context(), "study-1"); err != nil || open.ID != "s1" {
		t.Errorf("the live fold did not go on: %+v (%v)", open, err)
	}
}

// TestARebuildOfWhatWasNeverMade: nobody has served from this database.
func TestARebuildOfWhatWasNeverMade(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t, projections.All(seoul(t))...)
	h.givenSome()
	h.rebuild()
	h.mustBeNaive(t, []string{"study-1", "study-2"})
	h.prepare()
	h.occupy()
	h.another()
	h.caughtUp()
	h.mustBeTheLog()
	h.mustBeNaive(t, []string{"study-1", "study-2"})
}

// TestARebuildOfALongLog: longer than what is read, written and caught up with at once.
func TestARebuildOfALongLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
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
	h.given("crowded", crowded...)
	h.given("empty", empty...)
	h.caughtUp()
	before := h.contents()
	told, total := int64(0), int64(0)
	rebuilder := projections.NewRebuilder(h.pool, h.store, h.log, func(done, of int64) {
		if done <= told || done > of {
			t.Errorf("progress says %d of %d after %d", done, of, told)
		}
		told, total = done, of
	})
	h.then(rebuilder.Rebuild(t.Context(), h.all...))
	h.mustHave(before)
	h.mustBeNaive(t, studies)
	if told != total || total != h.head() {
		t.Errorf("the last progress was %d of %d, the log has %d", told, total, h.head())
	}

	// In the meantime so much is appended that it has to catch up, slice by slice.
	h.then(h.rebuilder.Rebuild(t.Context(), h.hooked(func(a *altered) {
		a.indexing = func() {
			var events []domain.Event
			for n := range 1100 {
				id := fmt.Sprintf("meanwhile-%d", n)
				events = append(events, domain.SessionStarted{Fact: at(id, n*100), StartedBy: "kim"},
					domain.SessionEnded{Fact: at(id, n*100+1), Reason: domain.NobodyJoined})
			}
			h.given("meanwhile", events...)
		}
	})...))
	h.caughtUp()
	h.mustBeNaive(t, append(studies, "meanwhile"))
	h.mustBeTheLog()
}

// TestACancelledRebuildLeavesTheTablesAlone, wherever it is.
func TestACancelledRebuildLeavesTheTablesAlone(t *testing.T) {
	t.Parallel()
	for when, hook := range map[string]func(h *house, a *altered, then func()){
		"before it folds": func(_ *house, a *altered, then func()) { a.replaying = then },
		"when it indexes": func(_ *house, a *altered, then func()) { a.indexing = then },
		"when it swaps": func(h *house, a *altered, then func()) {
			a.indexing = h.another
			a.folding = func([]eventstore.Recorded) error { then(); return nil }
		},
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.givenSome()
			ctx, cancel := context.WithCancel(t.Context())
			cancelled := false
			err := h.rebuilder.Rebuild(ctx, h.hooked(func(a *altered) { hook(h, a, func() { cancelled = true; cancel() }) })...)
			if !errors.Is(err, context.Canceled) || !cancelled {
				t.Errorf("the error is %v", err)
			}
			h.caughtUp()
			h.mustBeTheLog()
			h.mustBeTidy()
			h.mustBeNaive(t, []string{"study-1", "study-2"})
			h.rebuild()
			h.mustBeTheLog()
		})
	}
}

// TestOneRebuildOfAProjectionAtATime: a second one of the same projection is refused, and so is a verification, one of
// another is not; and the first goes on.
func TestOneRebuildOfAProjectionAtATime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	before := h.contents()
	ctx, tell := t.Context(), func(d projections.Difference) { t.Errorf("a difference: %+v", d) }
	meanwhile := func() {
		for what, err := range map[string]error{
			"rebuild": h.rebuilder.Rebuild(ctx, projections.Sessions{}),
			"verify":  h.rebuilder.Verify(ctx, tell, projections.Sessions{}),
			"both":    h.rebuilder.Rebuild(ctx, projections.History{}, projections.Sessions{}),
		} {
			if !errors.Is(err, projections.ErrRebuilding) || !strings.Contains(err.Error(), "sessions") {
				t.Errorf("a second %s: %v", what, err)
			}
		}
		if err := h.rebuilder.Rebuild(ctx, projections.History{}); err != nil {
			t.Errorf("of another: %v", err)
		}
		if err := h.rebuilder.Verify(ctx, tell, projections.UserStats{}); err != nil {
			t.Errorf("of another: %v", err)
		}
	}
	calls := 0
	sessions := altered{Projection: projections.Sessions{}, indexing: func() { calls++; meanwhile() }}
	h.then(h.rebuilder.Rebuild(ctx, sessions))
	h.then(h.rebuilder.Verify(ctx, tell, sessions))
	if calls != 2 {
		t.Errorf("looked %d times", calls)
	}
	h.mustHave(before)
	h.mustBeTidy()
}

// TestOneRebuildRightAfterAnother: the end of a rebuild is the end of its claim.
func TestOneRebuildRightAfterAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for range 30 {
		h.rebuild(projections.UserStats{})
		h.verify(projections.UserStats{})
	}
}

// TestARebuildThatFailsLeavesTheTablesAlone: at an event that cannot be folded, in the fold or while catching up. The error
// names it.
func TestARebuildThatFailsLeavesTheTablesAlone(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"fold", "swap"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			h := vacantHouse(t, projections.All(seoul(t))...)
			h.prepare()
			h.givenSome()
			h.rebuild()
			before := h.contents()
			all, position := h.all, int64(0)
			if when == "fold" {
				position = h.givenUnknown("study-2")
			} else {
				all = h.hooked(func(a *altered) { a.indexing = func() { position = h.givenUnknown("study-2") } })
			}
			err := h.rebuilder.Rebuild(t.Context(), all...)
			var unknown *eventstore.UnknownEventError
			if !errors.As(err, &unknown) || unknown.Position != position || unknown.Type != "FromTheFuture" ||
				!strings.Contains(err.Error(), strconv.FormatInt(position, 10)) {
				t.Errorf("the error is %v", err)
			}
			h.mustHave(before)
			h.mustBeTidy()
			if found := h.verify(); len(found) > 0 { // up to where the tables are
				t.Errorf("found %v", found)
			}
		})
	}
}

// TestARebuildPassesOverWhatTheLiveFoldDoes: an event of a session that is open, of a type that the projection does not take
// in and a shape that this program does not know, stops neither; one of a session that ended stops both.
func TestARebuildPassesOverWhatTheLiveFoldDoes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	newer := h.givenNewer("study-2", "b1")
	h.another()
	others := h.all[1:]
	for _, p := range others {
		h.then(h.store.WaitFor(t.Context(), projections.CheckpointName(p), h.head()))
	}

	h.rebuild(others...)
	h.rebuild(h.hookedOnly(others, func(a *altered) { a.indexing = h.another })...)

	if found := h.verify(others...); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	var unknown *eventstore.UnknownEventError
	if err := h.rebuilder.Rebuild(t.Context(), h.all...); !errors.As(err, &unknown) || unknown.Position != newer {
		t.Errorf("with sessions, which take it in: %v", err)
	}
	h.given("study-2", domain.SessionEnded{Fact: at("b1", 900), Reason: domain.EveryoneLeft})
	for _, p := range others {
		if err := h.rebuilder.Rebuild(t.Context(), p); !errors.As(err, &unknown) || unknown.Position != newer {
			t.Errorf("%s, of which the session is a part: %v", p.Name(), err)
		}
	}
	h.mustBeTidy()
}
