package projections_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/projections"
)

// crashing is a second server on the same database, whose connections the test terminates.
type crashing struct {
	*server
	observer *server // runs the termination
}

func (srv *server) crashing() crashing {
	srv.t.Helper()
	pool, err := postgres.Connect(srv.t.Context(), srv.pool.Config().ConnString(), postgres.WithMaxConns(10),
		postgres.WithApplicationName("crashing"))
	check.NoError(srv.t, err)
	srv.t.Cleanup(pool.Close)
	return crashing{idleServerOn(srv.t, pool, srv.all...), srv}
}

// terminate terminates connections of the crashing server, as its crash would.
func (d crashing) terminate(which string) {
	d.t.Helper()
	if n := len(d.observer.column(`select pg_terminate_backend(pid)::text from pg_stat_activity
		where application_name = 'crashing' and datname = current_database() and ` + which)); n == 0 {
		d.t.Error("no connection was terminated")
	}
}

// holdsClaim selects the connection that holds the claim.
const holdsClaim = `pid in (select pid from pg_locks where locktype = 'advisory')`

// unclaimed is true if no connection holds a claim.
const unclaimed = `select not exists (select from pg_locks l join pg_database d on d.oid = l.database
	where l.locktype = 'advisory' and d.datname = current_database())`

// TestCrashedRebuildIsCleanedUpByTheNextOne, whatever step it had reached.
func TestCrashedRebuildIsCleanedUpByTheNextOne(t *testing.T) {
	t.Parallel()
	for when, hook := range map[string]func(srv *server, a *overridden, die func()){
		"before it folds": func(_ *server, a *overridden, die func()) { a.replaying = die },
		"when it indexes": func(_ *server, a *overridden, die func()) { a.indexing = die },
		"when it swaps": func(srv *server, a *overridden, die func()) {
			a.indexing = srv.givenOneMore
			a.folding = func([]eventstore.Recorded) error { die(); return nil }
		},
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(when, "swap") {
				skipIfShort(t, "needs a database for each step")
			}
			srv := newServer(t)
			srv.givenSamples()
			srv.waitUntilCaughtUp()
			d := srv.crashing()
			err := d.rebuilder.Rebuild(t.Context(), d.withHook(func(a *overridden) { hook(srv, a, func() { d.terminate("true") }) })...)
			if err == nil {
				t.Fatal("the rebuild survived the loss of its connections")
			}
			srv.waitUntilCaughtUp()
			// Postgres releases the claim of a terminated connection only after a moment.
			waitForSQL(t, srv.pool, unclaimed)
			srv.mustVerify()
			srv.mustHaveNoLeftovers()
			srv.mustMatchNaive(t, []string{"study-1", "study-2"})
		})
	}
}

// TestLeftoversOfACrashedRebuildAreReplaced also if they are of another version.
func TestLeftoversOfACrashedRebuildAreReplaced(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	before := srv.contents()
	leave := func() {
		srv.exec(`create schema history_rebuild; create table history_rebuild.sessions as table history.sessions;
			create table history_rebuild.of_an_older_version (id text);
			create schema study_stats_rebuild; create table study_stats_rebuild.days (a int)`)
	}
	leave()
	srv.rebuild()
	srv.mustHaveContents(before)
	srv.mustHaveNoLeftovers()
	leave()
	srv.mustVerify()
	srv.mustHaveNoLeftovers()
}

// TestRebuildThatLostItsClaimReplacesNothing: the connection that holds the claim is terminated, so another rebuild starts and
// empties the shadow tables. The first rebuild must not swap these with the live ones.
func TestRebuildThatLostItsClaimReplacesNothing(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	before := srv.contents()
	d := srv.crashing()
	began, ended, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	second := overridden{Projection: projections.History{}, replaying: func() { close(began); <-over }}
	dying := overridden{Projection: projections.History{}, indexing: func() {
		d.terminate(holdsClaim)
		waitForSQL(t, srv.pool, unclaimed)
		go func() {
			defer close(ended)
			_ = srv.rebuilder.Rebuild(t.Context(), second) // what becomes of it is not the question here
		}()
		select {
		case <-began: // its new tables are made, and empty
		case <-ended:
			t.Error("the second rebuild ended before the first")
		}
	}}
	err := d.rebuilder.Rebuild(t.Context(), dying)
	after := srv.contents()
	close(over)
	<-ended
	if err == nil {
		t.Error("a rebuild without its claim succeeded")
	}
	if !maps.Equal(after, before) {
		t.Errorf("the live tables were replaced by unfinished ones:\n%v", after)
	}
}

// TestSwapWaitsForALongQueryWithoutBlockingOthers: a long transaction on the live tables, such as a backup, delays the swap, and
// other queries are answered meanwhile.
func TestSwapWaitsForALongQueryWithoutBlockingOthers(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	before := srv.contents()
	long, err := srv.pool.Begin(t.Context())
	check.NoError(srv.t, err)
	defer func() { _ = long.Rollback(t.Context()) }()
	_, err = long.Exec(t.Context(), `select from history.sessions`)
	check.NoError(srv.t, err)
	rebuilt := make(chan error, 1)
	go func() { rebuilt <- srv.rebuilder.Rebuild(t.Context(), projections.History{}) }()
	const waits = `select exists (select from pg_locks where not granted and relation = 'history.sessions'::regclass)`
	waitForSQL(t, srv.pool, waits)

	history := projections.NewHistoryQueries(srv.pool, srv.store)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the long transaction lasts until the page is read
	defer cancel()
	page, err := history.Page(ctx, "study-1", projections.HistoryPage{Number: 1, Limit: 10})
	if err != nil || page.Total != 3 {
		t.Errorf("while the swap waits, a page of history is %+v (%v)", page, err)
	}
	waitForSQL(t, srv.pool, waits) // still, or again
	select {
	case err := <-rebuilt:
		t.Fatalf("the swap did not wait: %v", err)
	default:
	}
	check.NoError(srv.t, long.Commit(t.Context()))
	check.NoError(srv.t, <-rebuilt)
	srv.mustHaveContents(before)
}

// waitForSQL waits until a query returns true.
func waitForSQL(t *testing.T, pool *pgxpool.Pool, condition string) {
	t.Helper()
	check.Eventually(t, condition, func() (holds bool) {
		check.NoError(t, pool.QueryRow(t.Context(), condition).Scan(&holds))
		return holds
	})
}
