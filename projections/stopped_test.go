package projections_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// statuses returns the status of each projection by name.
func (srv *server) statuses() map[string]projections.Status {
	srv.t.Helper()
	all, err := projections.ReadStatus(srv.t.Context(), srv.pool)
	check.NoError(srv.t, err)
	byName := map[string]projections.Status{}
	for _, s := range all {
		byName[s.Name] = s
	}
	return byName
}

// waitForState waits until a projection is in a state.
func (srv *server) waitForState(name string, state projections.State) projections.Status {
	srv.t.Helper()
	condition := `select error is not null from checkpoints where name like '` + name + `/%'`
	if state == projections.Live {
		condition = `select error is null and position = (select max(position) from events) from checkpoints where name like '` + name + `/%'`
	}
	waitForSQL(srv.t, srv.pool, condition)
	return srv.statuses()[name]
}

// TestUnknownEventStopsAllProjections right before that event: the tables hold every event before it and none after it, and the
// status says so.
func TestUnknownEventStopsAllProjections(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	poison := srv.givenUnknown("study-2")
	srv.givenOneMore()

	for _, name := range srv.schemas() {
		s := srv.waitForState(name, projections.Stopped)
		if s.State != projections.Stopped || s.Position != poison-1 || s.Head != poison+2 || s.Lag != 3 || !strings.Contains(s.Error, "FromTheFuture") {
			t.Errorf("%s: %+v", name, s)
		}
	}
	srv.mustMatchNaive(t, []string{"study-1"})
	for _, table := range []string{"sessions.sessions", "history.sessions", "study_stats.days"} {
		if n := srv.column(`select study_id from ` + table + ` where study_id like 'another%'`); len(n) > 0 {
			t.Errorf("%s holds later events", table)
		}
	}
	if found := srv.verify(); len(found) > 0 {
		t.Errorf("up to where they stopped, found %v", found)
	}
}

// TestEventThatOneProjectionCannotFoldStopsOnlyThatProjection: events before it in the same slice are folded, the other projections
// go on, and after the fold is repaired this one goes on as well, without skipping an event.
func TestEventThatOneProjectionCannotFoldStopsOnlyThatProjection(t *testing.T) {
	t.Parallel()
	srv := idleServer(t)
	var poison atomic.Int64
	errPoison := errors.New("poisoned")
	srv.all = projections.All(seoul(t))
	srv.all[2] = overridden{Projection: projections.UserStats{}, folding: func(events []eventstore.Recorded) error {
		if bad := poison.Load(); bad > 0 && slices.ContainsFunc(events, func(e eventstore.Recorded) bool { return e.Position == bad }) {
			return errPoison
		}
		return nil
	}}
	srv.prepare()
	srv.givenSamples()
	poison.Store(17) // a leave, with more than a dozen events before it and some after
	srv.run()

	stopped := srv.waitForState("user_stats", projections.Stopped)
	srv.givenOneMore()
	for _, name := range []string{"sessions", "history", "study_stats"} {
		if s := srv.waitForState(name, projections.Live); s.State != projections.Live || s.Error != "" || s.Lag != 0 {
			t.Errorf("%s does not go on: %+v", name, s)
		}
	}
	if stopped.Position != 16 || stopped.Error != errPoison.Error() {
		t.Errorf("its status when it stopped: %+v", stopped)
	}
	totals := `select concat_ws(' ', user_id, sessions, position) from user_stats.totals order by user_id`
	if got := srv.column(totals); !slices.Equal(got, []string{"kim 2 14", "lee 2 14"}) {
		t.Errorf("when it stopped, the totals are %v", got)
	}
	// A retry stops at the same event.
	again, next, err := projections.Retry(t.Context(), srv.pool, srv.store, "user_stats")
	check.NoError(srv.t, err)
	if again.State != projections.Stopped || next.State != projections.Stopped || next.Position != 16 {
		t.Errorf("the retry went from %+v to %+v", again, next)
	}

	poison.Store(0)
	_, next, err = projections.Retry(t.Context(), srv.pool, srv.store, "user_stats")
	check.NoError(srv.t, err)
	if next.Position <= 16 || next.Error != "" {
		t.Errorf("after the repair, its status is %+v", next)
	}
	srv.waitUntilCaughtUp()
	if got := srv.column(totals); !slices.Equal(got, []string{"kim 3 21", "lee 3 21"}) {
		t.Errorf("in the end the totals are %v", got)
	}
	srv.mustVerify()
	srv.mustMatchNaive(t, []string{"study-1", "study-2"})
}

// TestRebuildRestartsAStoppedProjection whose new fold can fold the event.
func TestRebuildRestartsAStoppedProjection(t *testing.T) {
	t.Parallel()
	srv := idleServer(t)
	srv.all = projections.All(seoul(t))
	srv.all[1] = overridden{Projection: projections.History{}, folding: func(events []eventstore.Recorded) error {
		if events[0].Position <= 7 && events[len(events)-1].Position >= 7 {
			panic("a bug in the program")
		}
		return nil
	}}
	srv.prepare()
	srv.givenSamples()
	srv.run()
	if s := srv.waitForState("history", projections.Stopped); s.Position != 6 || !strings.Contains(s.Error, "a bug") {
		t.Errorf("its status when it stopped: %+v", s)
	}
	srv.rebuild(projections.History{})
	srv.given("study-2", domain.ParticipantLeft{Fact: at("b1", 500), UserID: "park", Reason: domain.Left},
		domain.SessionEnded{Fact: at("b1", 500), Reason: domain.EveryoneLeft})
	srv.waitUntilCaughtUp()
	if s := srv.waitForState("history", projections.Live); s.State != projections.Live || s.Error != "" {
		t.Errorf("it does not go on: %+v", s)
	}
	srv.mustVerify()
	srv.mustMatchNaive(t, []string{"study-1", "study-2"})
}
