package projections_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/projections"
)

// doomed is a second server on the house's database, whose connections can be told from others, and cut.
type doomed struct {
	*house
	of *house
}

func (h *house) doomed() doomed {
	h.t.Helper()
	pool, err := postgres.Connect(h.t.Context(), h.pool.Config().ConnString(), postgres.WithMaxConns(10),
		postgres.WithApplicationName("doomed"))
	h.then(err)
	h.t.Cleanup(pool.Close)
	return doomed{vacantHouseOn(h.t, pool, h.all...), h}
}

// cut ends connections of the doomed server as a crash would.
func (d doomed) cut(which string) {
	d.t.Helper()
	if n := len(d.of.column(`select pg_terminate_backend(pid)::text from pg_stat_activity
		where application_name = 'doomed' and datname = current_database() and ` + which)); n == 0 {
		d.t.Error("there was nothing to cut")
	}
}

// holdsClaim chooses the connection that keeps others from the same rebuild.
const holdsClaim = `pid in (select pid from pg_locks where locktype = 'advisory')`

// unclaimed says that nobody holds a claim.
const unclaimed = `select not exists (select from pg_locks l join pg_database d on d.oid = l.database
	where l.locktype = 'advisory' and d.datname = current_database())`

// TestARebuildThatDiesIsCleanedUp by the next one, wherever it was. Its own end may have been too sudden for that.
func TestARebuildThatDiesIsCleanedUp(t *testing.T) {
	t.Parallel()
	for when, hook := range map[string]func(h *house, a *altered, die func()){
		"before it folds": func(_ *house, a *altered, die func()) { a.replaying = die },
		"when it indexes": func(_ *house, a *altered, die func()) { a.indexing = die },
		"when it swaps": func(h *house, a *altered, die func()) {
			a.indexing = h.another
			a.folding = func([]eventstore.Recorded) error { die(); return nil }
		},
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.givenSome()
			h.caughtUp()
			d := h.doomed()
			err := d.rebuilder.Rebuild(t.Context(), d.hooked(func(a *altered) { hook(h, a, func() { d.cut("true") }) })...)
			if err == nil {
				t.Fatal("the rebuild survived the loss of its connections")
			}
			h.caughtUp()
			// The server lets go of a dead connection's claim only a moment later.
			waitFor(t, h.pool, unclaimed)
			h.mustBeTheLog()
			h.mustBeTidy()
			h.mustBeNaive(t, []string{"study-1", "study-2"})
		})
	}
}

// TestWhatADeadRebuildLeftIsReplaced: whatever it was.
func TestWhatADeadRebuildLeftIsReplaced(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	before := h.contents()
	leave := func() {
		h.exec(`create schema history_rebuild; create table history_rebuild.sessions as table history.sessions;
			create table history_rebuild.of_an_older_version (id text);
			create schema study_stats_rebuild; create table study_stats_rebuild.days (a int)`)
	}
	leave()
	h.rebuild()
	h.mustHave(before)
	h.mustBeTidy()
	leave()
	h.mustBeTheLog()
	h.mustBeTidy()
}

// TestARebuildThatLostItsClaimDoesNotReplaceAnything: its connection that holds the claim was cut, so another rebuild could
// begin, which has emptied the new tables. The first must not put these in the place of the live ones.
func TestARebuildThatLostItsClaimDoesNotReplaceAnything(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	before := h.contents()
	d := h.doomed()
	began, ended, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	second := altered{Projection: projections.History{}, replaying: func() { close(began); <-over }}
	dying := altered{Projection: projections.History{}, indexing: func() {
		d.cut(holdsClaim)
		waitFor(t, h.pool, unclaimed)
		go func() {
			defer close(ended)
			_ = h.rebuilder.Rebuild(t.Context(), second) // what becomes of it is not the question here
		}()
		select {
		case <-began: // its new tables are made, and empty
		case <-ended:
			t.Error("there is no second rebuild")
		}
	}}
	err := d.rebuilder.Rebuild(t.Context(), dying)
	after := h.contents()
	close(over)
	<-ended
	if err == nil {
		t.Error("a rebuild without its claim says that it succeeded")
	}
	if !maps.Equal(after, before) {
		t.Errorf("the live tables were replaced by unfinished ones:\n%v", after)
	}
}

// TestASwapWaitsForALongQueryWithoutHoldingUpOthers: a query on the live tables that lasts, as of a backup.
func TestASwapWaitsForALongQueryWithoutHoldingUpOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	before := h.contents()
	long, err := h.pool.Begin(t.Context())
	h.then(err)
	defer func() { _ = long.Rollback(t.Context()) }()
	_, err = long.Exec(t.Context(), `select from history.sessions`)
	h.then(err)
	rebuilt := make(chan error, 1)
	go func() { rebuilt <- h.rebuilder.Rebuild(t.Context(), projections.History{}) }()
	const waits = `select exists (select from pg_locks where not granted and relation = 'history.sessions'::regclass)`
	waitFor(t, h.pool, waits)

	history := projections.NewHistoryQueries(h.pool, h.store)
	patience, cancel := context.WithTimeout(t.Context(), time.Minute) // the long query lasts until the page is there
	defer cancel()
	page, err := history.Page(patience, "study-1", projections.HistoryPage{Number: 1, Limit: 10})
	if err != nil || page.Total != 3 {
		t.Errorf("while the swap waits, a page of history is %+v (%v)", page, err)
	}
	waitFor(t, h.pool, waits) // still, or again
	select {
	case err := <-rebuilt:
		t.Fatalf("the swap did not wait: %v", err)
	default:
	}
	h.then(long.Commit(t.Context()))
	h.then(<-rebuilt)
	h.mustHave(before)
}

// waitFor waits until a query says true.
func waitFor(t *testing.T, pool *pgxpool.Pool, condition string) {
	t.Helper()
	eventually(t, condition, func() (is bool) {
		if err := pool.QueryRow(t.Context(), condition).Scan(&is); err != nil {
			t.Fatal(err)
		}
		return is
	})
}

// eventually waits for a condition: for a minute, which is long enough on any machine.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute in vain: %s", what)
		}
	}
}
