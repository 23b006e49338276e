package projections_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// checkpoints returns the names of all checkpoints.
func (srv *server) checkpoints() []string {
	srv.t.Helper()
	return srv.column(`select name from checkpoints order by name collate "C"`)
}

func ours() []string {
	return []string{"history/1", "sessions/1", "study_stats/1/Asia/Seoul", "user_stats/1"}
}

func TestPrepareCreatesMissingTables(t *testing.T) {
	t.Parallel()
	srv := idleServer(t, projections.All(seoul(t))...)
	srv.givenSamples()
	for range 2 {
		srv.prepare()
		if got := srv.checkpoints(); !slices.Equal(got, ours()) {
			t.Errorf("the checkpoints are %v", got)
		}
		if srv.column(`select max(position)::text from checkpoints`)[0] != "0" {
			t.Error("Prepare folded a short log, which the live fold should")
		}
	}
	srv.run()
	srv.waitUntilCaughtUp()
	srv.mustVerify()
	srv.mustMatchNaive(t, []string{"study-1", "study-2"})
}

// TestPrepareRebuildsTablesOfAnOlderProgram. The old tables stay until the swap.
func TestPrepareRebuildsTablesOfAnOlderProgram(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	srv.stop()
	right := srv.contents()
	srv.exec(`update checkpoints set name = 'history/0' where name = 'history/1';
		alter table history.sessions rename column number to serial; alter table history.sessions drop column position;
		update history.sessions set started_by = 'as the older program had it'`)
	srv.givenOneMore() // appended after the older program stopped
	old := func() int {
		return len(srv.column(`select started_by from history.sessions where started_by like 'as the older%'`))
	}
	hooked := false
	srv.all[1] = overridden{Projection: projections.History{}, indexing: func() {
		hooked = true
		if old() != 4 {
			t.Errorf("%d of 4 rows of the old tables exist before the swap", old())
		}
	}}

	srv.prepare()

	srv.all = projections.All(seoul(t))
	if !hooked || old() != 0 {
		t.Error("the tables were not rebuilt")
	}
	if got := srv.checkpoints(); !slices.Equal(got, ours()) {
		t.Errorf("the checkpoints are %v", got)
	}
	srv.mustHaveNoLeftovers()
	srv.run()
	srv.waitUntilCaughtUp()
	srv.mustVerify()
	srv.mustMatchNaive(t, []string{"study-1", "study-2", "another-2"})
	if got := srv.contents()["sessions.participants"]; got != right["sessions.participants"] {
		t.Errorf("tables of this version changed: %s", got)
	}
}

// TestPrepareKeepsTablesThatCannotBeRebuilt: a projection that folds an event which this program cannot decode keeps its older
// tables, and the others are rebuilt.
func TestPrepareKeepsTablesThatCannotBeRebuilt(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	srv.stop()
	srv.givenNewer("study-2", "b1") // of the two projections below, only sessions folds it
	srv.exec(`update checkpoints set name = replace(name, '/1', '/0') where name in ('history/1', 'sessions/1')`)
	before := srv.contents()

	srv.prepare()

	if got := srv.checkpoints(); !slices.Contains(got, "history/1") || !slices.Contains(got, "sessions/0") {
		t.Errorf("the checkpoints are %v", got)
	}
	if got := srv.contents()["sessions.sessions"]; got != before["sessions.sessions"] {
		t.Error("the older tables of sessions changed")
	}
	if _, _, err := srv.queries.Open(t.Context(), "study-2"); !errors.Is(err, projections.ErrUnavailable) {
		t.Errorf("a query of sessions: %v", err)
	}
	srv.mustHaveNoLeftovers()
}

func TestPrepareRebuildsStatisticsOfAnotherTimeZone(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	// A quarter past midnight in Seoul is on the day before in UTC.
	srv.given("study-1", domain.SessionStarted{Fact: domain.Fact{SessionID: "s1", At: moments()[2]}, StartedBy: "kim"},
		domain.SessionEnded{Fact: domain.Fact{SessionID: "s1", At: moments()[2]}, Reason: domain.NobodyJoined})
	srv.waitUntilCaughtUp()
	srv.stop()
	day := func() string { return srv.column(`select day::text from study_stats.days`)[0] }
	if got := day(); got != "2025-11-20" {
		t.Errorf("in Seoul it was %s", got)
	}
	srv.all = projections.All(inZone(t, "UTC"))
	srv.prepare()
	if got := day(); got != "2025-11-19" {
		t.Errorf("in UTC it was %s", got)
	}
	if got := srv.checkpoints(); !slices.Contains(got, "study_stats/1/UTC") || len(got) != 4 {
		t.Errorf("the checkpoints are %v", got)
	}
	srv.mustVerify()
}

// TestTablesOfANewerProgramAreRefused and stay, unless they are rebuilt explicitly.
func TestTablesOfANewerProgramAreRefused(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	srv.stop()
	srv.exec(`update checkpoints set name = 'user_stats/2' where name = 'user_stats/1'`)
	before := srv.contents()
	err := srv.rebuilder.Prepare(t.Context(), srv.all...)
	if err == nil || !strings.Contains(err.Error(), "user_stats: version 2") || !strings.Contains(err.Error(), "knows 1") {
		t.Errorf("the error is %v", err)
	}
	srv.mustHaveContents(before)
	srv.rebuild(projections.UserStats{})
	srv.prepare()
	srv.mustVerify()
	if got := srv.checkpoints(); !slices.Equal(got, ours()) {
		t.Errorf("the checkpoints are %v", got)
	}
}

// TestServersThatStartTogetherPrepareOnce without tables, and with tables of an older version.
func TestServersThatStartTogetherPrepareOnce(t *testing.T) {
	t.Parallel()
	srv := idleServer(t, projections.All(seoul(t))...)
	srv.givenSamples()
	var rebuilds atomic.Int64
	together := func() {
		t.Helper()
		var starting sync.WaitGroup
		for range 4 {
			all := slices.Clone(srv.all)
			all[1] = overridden{Projection: projections.History{}, replaying: func() { rebuilds.Add(1) }}
			starting.Go(func() {
				if err := srv.rebuilder.Prepare(t.Context(), all...); err != nil {
					t.Errorf("prepare: %v", err)
				}
			})
		}
		starting.Wait()
		if got := srv.checkpoints(); !slices.Equal(got, ours()) {
			t.Errorf("the checkpoints are %v", got)
		}
	}
	together()
	srv.exec(`update checkpoints set name = 'history/0' where name = 'history/1'`)
	together()
	if n := rebuilds.Load(); n != 1 {
		t.Errorf("rebuilt %d times", n)
	}
	srv.run()
	srv.waitUntilCaughtUp()
	srv.mustVerify()
	srv.mustHaveNoLeftovers()
}

// TestOlderProgramDoesNotFoldIntoNewerTables: it still runs when a newer program starts. It stops folding the replaced tables
// without an error, and goes on with the others.
func TestOlderProgramDoesNotFoldIntoNewerTables(t *testing.T) {
	t.Parallel()
	srv := idleServer(t)
	var after, folds atomic.Int64
	warnings := &warnings{}
	srv.all = []projections.Projection{projections.Sessions{}, overridden{Projection: projections.History{}, version: &projections.Version{},
		folding: func(events []eventstore.Recorded) error {
			if events[len(events)-1].Position > after.Load() {
				folds.Add(1)
			}
			return nil
		}}}
	srv.prepare()
	running := runInBackground(t, projections.NewRunner(srv.store, slog.New(warnings), srv.all...))
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	if folds.Load() == 0 {
		t.Fatal("the older program folded nothing")
	}

	newer := projections.History{}
	check.NoError(srv.t, srv.rebuilder.Prepare(t.Context(), newer))
	after.Store(srv.head())
	folds.Store(0)
	for range 3 {
		srv.givenOneMore()
		check.NoError(srv.t, srv.store.WaitFor(t.Context(), projections.CheckpointName(projections.Sessions{}), srv.head()))
	}

	if got := srv.checkpoints(); !slices.Equal(got, []string{"history/1", "sessions/1"}) {
		t.Errorf("the checkpoints are %v", got)
	}
	if n := len(srv.column(`select session_id from history.sessions`)); n != 4 {
		t.Errorf("history holds %d sessions, want the 4 that the newer program folded", n)
	}
	srv.all = []projections.Projection{newer}
	srv.run()
	srv.waitUntilCaughtUp()
	srv.mustVerify()
	running()
	if n := folds.Load(); n != 0 {
		t.Errorf("the older program folded %d slices into the newer tables", n)
	}
	if messages := warnings.all(); len(messages) > 0 {
		t.Errorf("the older program logged %v", messages)
	}
}

// warnings is a log handler that keeps messages above the level info.
type warnings struct {
	mu       sync.Mutex
	messages []string
}

func (c *warnings) Enabled(_ context.Context, level slog.Level) bool { return level > slog.LevelInfo }
func (c *warnings) WithAttrs([]slog.Attr) slog.Handler               { return c }
func (c *warnings) WithGroup(string) slog.Handler                    { return c }
func (c *warnings) Handle(_ context.Context, record slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	record.Attrs(func(a slog.Attr) bool { record.Message += " " + a.String(); return true })
	c.messages = append(c.messages, record.Message)
	return nil
}

func (c *warnings) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.messages)
}

// TestPrepareRebuildsProjectionsThatAreFarBehind, new or old, because a rebuild is faster than the live fold. Projections that are
// less far behind stay, and so do stopped ones, because a rebuild would stop at the same event.
func TestPrepareRebuildsProjectionsThatAreFarBehind(t *testing.T) {
	t.Parallel()
	skipIfShort(t, "writes 50,000 events")
	srv := idleServer(t)
	srv.exec(`
		with session as (select n, format('call-study-%s', n % 7) as stream, (n / 7) * 4 as version from generate_series(0, 12599) n)
		insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at)
		select n * 4 + e.i, stream, version + e.i, 's' || n, e.type, 1, e.data, timestamptz '2025-01-01Z' + n * interval '1 h' + e.i * interval '1 s'
		from session, (values
			(1, 'SessionStarted', '{"startedBy":"kim"}'::json), (2, 'ParticipantJoined', '{"participantId":"p","userId":"kim"}'),
			(3, 'ParticipantLeft', '{"userId":"kim","reason":"left"}'), (4, 'SessionEnded', '{"reason":"everyoneLeft"}')) e (i, type, data)`)
	rebuilt := map[string]int{}
	for _, p := range projections.All(seoul(t)) {
		srv.all = append(srv.all, overridden{Projection: p, replaying: func() { rebuilt[p.Name()]++ }})
	}
	srv.rebuild(srv.all[1:]...)
	clear(rebuilt)
	srv.exec(`update checkpoints set position = 401 where name like 'history/%';
		update checkpoints set position = 399 where name like 'user_stats/%';
		update checkpoints set position = 399, error = 'cannot fold event 400' where name like 'study_stats/%'`)

	srv.prepare()

	if len(rebuilt) != 2 || rebuilt["sessions"] != 1 || rebuilt["user_stats"] != 1 {
		t.Errorf("rebuilt %v", rebuilt)
	}
	want := []string{"history/1 401", "sessions/1 50400", "study_stats/1/Asia/Seoul 399", "user_stats/1 50400"}
	if got := srv.column(`select name || ' ' || position from checkpoints order by name collate "C"`); !slices.Equal(got, want) {
		t.Errorf("the checkpoints are %v", got)
	}
	got := srv.column(`select concat_ws(' ', study_id, sessions, present_ms) from user_stats.totals order by study_id`)
	if len(got) != 7 || got[0] != "study-0 1800 1800000" {
		t.Errorf("the totals are %v", got)
	}
	srv.mustHaveNoLeftovers()
}
