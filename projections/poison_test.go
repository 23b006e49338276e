package projections_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// statuses are those of the projections, by name.
func (h *house) statuses() map[string]projections.Status {
	h.t.Helper()
	all, err := projections.ReadStatus(h.t.Context(), h.pool)
	h.then(err)
	byName := map[string]projections.Status{}
	for _, s := range all {
		byName[s.Name] = s
	}
	return byName
}

// waitForState waits until a projection is in a state.
func (h *house) waitForState(name string, state projections.State) projections.Status {
	h.t.Helper()
	condition := `select error is not null from checkpoints where name like '` + name + `/%'`
	if state == projections.Live {
		condition = `select error is null and position = (select max(position) from events) from checkpoints where name like '` + name + `/%'`
	}
	waitFor(h.t, h.pool, condition)
	return h.statuses()[name]
}

// TestAnEventThatNobodyCanFoldStopsAllAtIt: visibly, right before it, with everything before in the tables, and nothing
// after.
func TestAnEventThatNobodyCanFoldStopsAllAtIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	poison := h.givenUnknown("study-2")
	h.another()

	for _, name := range h.names() {
		s := h.waitForState(name, projections.Stopped)
		if s.State != projections.Stopped || s.Position != poison-1 || s.Head != poison+2 || s.Lag != 3 || !strings.Contains(s.Error, "FromTheFuture") {
			t.Errorf("%s: %+v", name, s)
		}
	}
	h.mustBeNaive(t, []string{"study-1"})
	for _, table := range []string{"sessions.sessions", "history.sessions", "study_stats.days"} {
		if n := h.column(`select study_id from ` + table + ` where study_id like 'another%'`); len(n) > 0 {
			t.Errorf("%s has what comes after", table)
		}
	}
	if found := h.verify(); len(found) > 0 {
		t.Errorf("as of where they stopped there are the differences %v", found)
	}
}

// TestAnEventThatOneProjectionCannotFoldStopsItAlone, at that event, however many events the slice has: those before it are
// folded, the others go on, and once it is put right, so does this one, without skipping anything.
func TestAnEventThatOneProjectionCannotFoldStopsItAlone(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t)
	var poison atomic.Int64
	errPoison := errors.New("poisoned")
	h.all = projections.All(seoul(t))
	h.all[2] = altered{Projection: projections.UserStats{}, folding: func(events []eventstore.Recorded) error {
		if bad := poison.Load(); bad > 0 && slices.ContainsFunc(events, func(e eventstore.Recorded) bool { return e.Position == bad }) {
			return errPoison
		}
		return nil
	}}
	h.prepare()
	h.givenSome()
	poison.Store(17) // a leave, with more than a dozen events before it and some after
	h.occupy()

	stopped := h.waitForState("user_stats", projections.Stopped)
	h.another()
	for _, name := range []string{"sessions", "history", "study_stats"} {
		if s := h.waitForState(name, projections.Live); s.State != projections.Live || s.Error != "" || s.Lag != 0 {
			t.Errorf("%s does not go on: %+v", name, s)
		}
	}
	if stopped.Position != 16 || stopped.Error != errPoison.Error() {
		t.Errorf("it stopped so: %+v", stopped)
	}
	totals := `select concat_ws(' ', user_id, sessions, position) from user_stats.totals order by user_id`
	if got := h.column(totals); !slices.Equal(got, []string{"kim 2 14", "lee 2 14"}) {
		t.Errorf("before it there are %v", got)
	}
	// It does not get further by being tried again.
	again, next, err := projections.Retry(t.Context(), h.pool, h.store, "user_stats")
	h.then(err)
	if again.State != projections.Stopped || next.State != projections.Stopped || next.Position != 16 {
		t.Errorf("tried again, it went from %+v to %+v", again, next)
	}

	poison.Store(0)
	_, next, err = projections.Retry(t.Context(), h.pool, h.store, "user_stats")
	h.then(err)
	if next.Position <= 16 || next.Error != "" {
		t.Errorf("put right, it is %+v", next)
	}
	h.caughtUp()
	if got := h.column(totals); !slices.Equal(got, []string{"kim 3 21", "lee 3 21"}) {
		t.Errorf("in the end there are %v", got)
	}
	h.mustBeTheLog()
	h.mustBeNaive(t, []string{"study-1", "study-2"})
}

// TestARebuildPutsAStoppedProjectionRight, when the new fold can do what the old one could not.
func TestARebuildPutsAStoppedProjectionRight(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t)
	h.all = projections.All(seoul(t))
	h.all[1] = altered{Projection: projections.History{}, folding: func(events []eventstore.Recorded) error {
		if events[0].Position <= 7 && events[len(events)-1].Position >= 7 {
			panic("a mistake in the program")
		}
		return nil
	}}
	h.prepare()
	h.givenSome()
	h.occupy()
	if s := h.waitForState("history", projections.Stopped); s.Position != 6 || !strings.Contains(s.Error, "a mistake") {
		t.Errorf("it stopped so: %+v", s)
	}
	h.rebuild(projections.History{})
	h.given("study-2", domain.ParticipantLeft{Fact: at("b1", 500), UserID: "park", Reason: domain.Left},
		domain.SessionEnded{Fact: at("b1", 500), Reason: domain.EveryoneLeft})
	h.caughtUp()
	if s := h.waitForState("history", projections.Live); s.State != projections.Live || s.Error != "" {
		t.Errorf("it does not go on: %+v", s)
	}
	h.mustBeTheLog()
	h.mustBeNaive(t, []string{"study-1", "study-2"})
}
