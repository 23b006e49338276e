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

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// checkpoints are the names of the checkpoints that there are.
func (h *house) checkpoints() []string {
	h.t.Helper()
	return h.column(`select name from checkpoints order by name collate "C"`)
}

func ours() []string {
	return []string{"history/1", "sessions/1", "study_stats/1/Asia/Seoul", "user_stats/1"}
}

func TestPrepareMakesWhatIsMissing(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t, projections.All(seoul(t))...)
	h.givenSome()
	for range 2 {
		h.prepare()
		if got := h.checkpoints(); !slices.Equal(got, ours()) {
			t.Errorf("the checkpoints are %v", got)
		}
		if h.column(`select max(position)::text from checkpoints`)[0] != "0" {
			t.Error("a short log is not left to the live fold")
		}
	}
	h.occupy()
	h.caughtUp()
	h.mustBeTheLog()
	h.mustBeNaive(t, []string{"study-1", "study-2"})
}

// TestPrepareRebuildsTablesOfAnOlderProgram beside the old ones: these stay until the new ones take their place.
func TestPrepareRebuildsTablesOfAnOlderProgram(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	h.stop()
	right := h.contents()
	h.exec(`update checkpoints set name = 'history/0' where name = 'history/1';
		alter table history.sessions rename column number to serial; alter table history.sessions drop column position;
		update history.sessions set started_by = 'as the older program had it'`)
	h.another() // since the older program stopped
	old := func() int {
		return len(h.column(`select started_by from history.sessions where started_by like 'as the older%'`))
	}
	looked := false
	h.all[1] = altered{Projection: projections.History{}, indexing: func() {
		if looked = true; old() != 4 {
			t.Errorf("%d of 4 rows of the old tables are there before the new ones are", old())
		}
	}}

	h.prepare()

	h.all = projections.All(seoul(t))
	if !looked || old() != 0 {
		t.Error("the tables were not rebuilt")
	}
	if got := h.checkpoints(); !slices.Equal(got, ours()) {
		t.Errorf("the checkpoints are %v", got)
	}
	h.mustBeTidy()
	h.occupy()
	h.caughtUp()
	h.mustBeTheLog()
	h.mustBeNaive(t, []string{"study-1", "study-2", "another-2"})
	if got := h.contents()["sessions.participants"]; got != right["sessions.participants"] {
		t.Errorf("tables of this version are others now: %s", got)
	}
}

// TestPrepareGoesOnWithoutWhatCannotBeRebuilt: at an event that a projection takes in and this program cannot decode, its
// older tables stay, and nothing else is held up.
func TestPrepareGoesOnWithoutWhatCannotBeRebuilt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	h.stop()
	h.givenNewer("study-2", "b1") // which of the two takes in only sessions
	h.exec(`update checkpoints set name = replace(name, '/1', '/0') where name in ('history/1', 'sessions/1')`)
	before := h.contents()

	h.prepare()

	if got := h.checkpoints(); !slices.Contains(got, "history/1") || !slices.Contains(got, "sessions/0") {
		t.Errorf("the checkpoints are %v", got)
	}
	if got := h.contents()["sessions.sessions"]; got != before["sessions.sessions"] {
		t.Error("the older tables of sessions are others")
	}
	if _, _, err := h.queries.Open(t.Context(), "study-2"); !errors.Is(err, projections.ErrUnavailable) {
		t.Errorf("a query of sessions: %v", err)
	}
	h.mustBeTidy()
}

func TestPrepareRebuildsStatisticsOfAnotherTimeZone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	// A quarter past midnight in Seoul is the day before in UTC.
	h.given("study-1", domain.SessionStarted{Fact: domain.Fact{SessionID: "s1", At: moments()[2]}, StartedBy: "kim"},
		domain.SessionEnded{Fact: domain.Fact{SessionID: "s1", At: moments()[2]}, Reason: domain.NobodyJoined})
	h.caughtUp()
	h.stop()
	day := func() string { return h.column(`select day::text from study_stats.days`)[0] }
	if got := day(); got != "2025-11-20" {
		t.Errorf("in Seoul it was %s", got)
	}
	h.all = projections.All(inZone(t, "UTC"))
	h.prepare()
	if got := day(); got != "2025-11-19" {
		t.Errorf("in UTC it was %s", got)
	}
	if got := h.checkpoints(); !slices.Contains(got, "study_stats/1/UTC") || len(got) != 4 {
		t.Errorf("the checkpoints are %v", got)
	}
	h.mustBeTheLog()
}

// TestTablesOfANewerProgramAreRefused, and left as they are, unless one says so.
func TestTablesOfANewerProgramAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	h.stop()
	h.exec(`update checkpoints set name = 'user_stats/2' where name = 'user_stats/1'`)
	before := h.contents()
	err := h.rebuilder.Prepare(t.Context(), h.all...)
	if err == nil || !strings.Contains(err.Error(), "user_stats: version 2") || !strings.Contains(err.Error(), "knows 1") {
		t.Errorf("the error is %v", err)
	}
	h.mustHave(before)
	h.rebuild(projections.UserStats{})
	h.prepare()
	h.mustBeTheLog()
	if got := h.checkpoints(); !slices.Equal(got, ours()) {
		t.Errorf("the checkpoints are %v", got)
	}
}

// TestServersThatStartTogetherPrepareOnce: on no tables, and on tables of an older version.
func TestServersThatStartTogetherPrepareOnce(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t, projections.All(seoul(t))...)
	h.givenSome()
	var rebuilds atomic.Int64
	together := func() {
		t.Helper()
		var starting sync.WaitGroup
		for range 4 {
			all := slices.Clone(h.all)
			all[1] = altered{Projection: projections.History{}, replaying: func() { rebuilds.Add(1) }}
			starting.Go(func() {
				if err := h.rebuilder.Prepare(t.Context(), all...); err != nil {
					t.Errorf("prepare: %v", err)
				}
			})
		}
		starting.Wait()
		if got := h.checkpoints(); !slices.Equal(got, ours()) {
			t.Errorf("the checkpoints are %v", got)
		}
	}
	together()
	h.exec(`update checkpoints set name = 'history/0' where name = 'history/1'`)
	together()
	if n := rebuilds.Load(); n != 1 {
		t.Errorf("rebuilt %d times", n)
	}
	h.occupy()
	h.caughtUp()
	h.mustBeTheLog()
	h.mustBeTidy()
}

// TestAnOlderProgramLeavesNewerTablesAlone: it still runs when a newer one starts. It stops folding into what is not its own
// any more, without an error, and goes on with what is.
func TestAnOlderProgramLeavesNewerTablesAlone(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t)
	var after, folds atomic.Int64
	complaints := &complaints{}
	h.all = []projections.Projection{projections.Sessions{}, altered{Projection: projections.History{}, version: &projections.Version{},
		folding: func(events []eventstore.Recorded) error {
			if events[len(events)-1].Position > after.Load() {
				folds.Add(1)
			}
			return nil
		}}}
	h.prepare()
	running := runInBackground(t, projections.NewRunner(h.store, slog.New(complaints), h.all...))
	h.givenSome()
	h.caughtUp()
	if folds.Load() == 0 {
		t.Fatal("the older program does nothing")
	}

	newer := projections.History{}
	h.then(h.rebuilder.Prepare(t.Context(), newer))
	after.Store(h.head())
	folds.Store(0)
	for range 3 {
		h.another()
		h.then(h.store.WaitFor(t.Context(), projections.CheckpointName(projections.Sessions{}), h.head()))
	}

	if got := h.checkpoints(); !slices.Equal(got, []string{"history/1", "sessions/1"}) {
		t.Errorf("the checkpoints are %v", got)
	}
	if n := len(h.column(`select session_id from history.sessions`)); n != 4 {
		t.Errorf("history holds %d sessions, want the 4 that the newer program folded", n)
	}
	h.all = []projections.Projection{newer}
	h.occupy()
	h.caughtUp()
	h.mustBeTheLog()
	running()
	if n := folds.Load(); n != 0 {
		t.Errorf("the older program folded %d slices into the newer tables", n)
	}
	if said := complaints.all(); len(said) > 0 {
		t.Errorf("the older program complains: %v", said)
	}
}

// complaints is a log that keeps what is worse than information.
type complaints struct {
	mu   sync.Mutex
	said []string
}

func (c *complaints) Enabled(_ context.Context, level slog.Level) bool { return level > slog.LevelInfo }
func (c *complaints) WithAttrs([]slog.Attr) slog.Handler               { return c }
func (c *complaints) WithGroup(string) slog.Handler                    { return c }
func (c *complaints) Handle(_ context.Context, record slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	record.Attrs(func(a slog.Attr) bool { record.Message += " " + a.String(); return true })
	c.said = append(c.said, record.Message)
	return nil
}

func (c *complaints) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.said)
}

// TestProjectionsThatAreFarBehindAreRebuilt, which is faster than folding a long log live: new ones, and ones that were left
// behind. Those that are near are left alone, and so are those that stopped: a rebuild would stop as well.
func TestProjectionsThatAreFarBehindAreRebuilt(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t)
	h.exec(`
		with session as (select n, format('call-study-%s', n % 7) as stream, (n / 7) * 4 as version from generate_series(0, 12599) n)
		insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at)
		select n * 4 + e.i, stream, version + e.i, 's' || n, e.type, 1, e.data, timestamptz '2025-01-01Z' + n * interval '1 h' + e.i * interval '1 s'
		from session, (values
			(1, 'SessionStarted', '{"startedBy":"kim"}'::json), (2, 'ParticipantJoined', '{"participantId":"p","userId":"kim"}'),
			(3, 'ParticipantLeft', '{"userId":"kim","reason":"left"}'), (4, 'SessionEnded', '{"reason":"everyoneLeft"}')) e (i, type, data)`)
	rebuilt := map[string]int{}
	for _, p := range projections.All(seoul(t)) {
		h.all = append(h.all, altered{Projection: p, replaying: func() { rebuilt[p.Name()]++ }})
	}
	h.rebuild(h.all[1:]...)
	clear(rebuilt)
	h.exec(`update checkpoints set position = 401 where name like 'history/%';
		update checkpoints set position = 399 where name like 'user_stats/%';
		update checkpoints set position = 399, error = 'cannot fold event 400' where name like 'study_stats/%'`)

	h.prepare()

	if len(rebuilt) != 2 || rebuilt["sessions"] != 1 || rebuilt["user_stats"] != 1 {
		t.Errorf("rebuilt %v", rebuilt)
	}
	want := []string{"history/1 401", "sessions/1 50400", "study_stats/1/Asia/Seoul 399", "user_stats/1 50400"}
	if got := h.column(`select name || ' ' || position from checkpoints order by name collate "C"`); !slices.Equal(got, want) {
		t.Errorf("the checkpoints are %v", got)
	}
	got := h.column(`select concat_ws(' ', study_id, sessions, present_ms) from user_stats.totals order by study_id`)
	if len(got) != 7 || got[0] != "study-0 1800 1800000" {
		t.Errorf("the totals are %v", got)
	}
	h.mustBeTidy()
}
