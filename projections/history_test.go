package projections_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

func TestPageReturnsSessionsWithParticipants(t *testing.T) {
	t.Parallel()
	a := newStatsServer(t, seoul(t))
	position := a.givenPast("study-1",
		pastSession{"s1", epoch, time.Hour, []stay{{"kim", time.Hour}, {"lee", 30*time.Minute + 999*time.Millisecond}}},
		pastSession{id: "s2", start: epoch.Add(time.Hour), length: time.Minute})
	a.given("study-1", domain.SessionStarted{Fact: at("open", 7200), StartedBy: "kim"})
	a.givenPast("study-2", pastSession{id: "other", start: epoch})

	got, err := a.history.Page(t.Context(), "study-1", projections.HistoryPage{Number: 1, Limit: 20})

	check.NoError(a.t, err)
	want := []projections.PastSession{
		{ID: "s2", StartedBy: "kim", StartedAt: epoch.Add(time.Hour), EndedAt: epoch.Add(61 * time.Minute),
			Participants: []projections.PastParticipant{}},
		{ID: "s1", StartedBy: "kim", StartedAt: epoch, EndedAt: epoch.Add(time.Hour), Participants: []projections.PastParticipant{
			{ID: "s1/kim", UserID: "kim", Present: time.Hour},
			{ID: "s1/lee", UserID: "lee", Present: 30*time.Minute + 999*time.Millisecond},
		}},
	}
	if !reflect.DeepEqual(got.Sessions, want) || got.Total != 2 || got.Position < position {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPagesAndBounds(t *testing.T) {
	t.Parallel()
	a := newStatsServer(t, seoul(t))
	var sessions []pastSession
	for i := range 7 {
		sessions = append(sessions, pastSession{id: fmt.Sprintf("s%d", i+1), start: epoch.Add(time.Duration(i) * time.Hour)})
	}
	a.givenPast("study-1", sessions...)
	hour := func(n float64) *time.Time {
		at := epoch.Add(time.Duration(n * float64(time.Hour)))
		return &at
	}
	for name, c := range map[string]struct {
		page  projections.HistoryPage
		total int64
		want  []string
	}{
		"first":                       {projections.HistoryPage{Number: 1, Limit: 3}, 7, []string{"s7", "s6", "s5"}},
		"last":                        {projections.HistoryPage{Number: 3, Limit: 3}, 7, []string{"s1"}},
		"beyond":                      {projections.HistoryPage{Number: 4, Limit: 3}, 7, nil},
		"far beyond":                  {projections.HistoryPage{Number: math.MaxInt64, Limit: 100}, 7, nil},
		"all":                         {projections.HistoryPage{Number: 1, Limit: math.MaxInt64}, 7, []string{"s7", "s6", "s5", "s4", "s3", "s2", "s1"}},
		"so far beyond that it wraps": {projections.HistoryPage{Number: 1<<62 + 1, Limit: 4}, 7, nil},
		"all, and beyond":             {projections.HistoryPage{Number: 2, Limit: math.MaxInt64}, 7, nil},
		"from":                        {projections.HistoryPage{Number: 1, Limit: 9, From: hour(5)}, 2, []string{"s7", "s6"}},
		"from in between":             {projections.HistoryPage{Number: 1, Limit: 9, From: hour(4.5)}, 2, []string{"s7", "s6"}},
		"from after all":              {projections.HistoryPage{Number: 1, Limit: 9, From: hour(6.1)}, 0, nil},
		"from before all":             {projections.HistoryPage{Number: 2, Limit: 6, From: hour(-1)}, 7, []string{"s1"}},
		"before":                      {projections.HistoryPage{Number: 1, Limit: 9, Before: hour(2)}, 2, []string{"s2", "s1"}},
		"before in between":           {projections.HistoryPage{Number: 1, Limit: 9, Before: hour(0.5)}, 1, []string{"s1"}},
		"before all":                  {projections.HistoryPage{Number: 1, Limit: 9, Before: hour(0)}, 0, nil},
		"before after all":            {projections.HistoryPage{Number: 1, Limit: 1, Before: hour(99)}, 7, []string{"s7"}},
		"both":                        {projections.HistoryPage{Number: 2, Limit: 2, From: hour(1), Before: hour(5)}, 4, []string{"s3", "s2"}},
		"both, the last page":         {projections.HistoryPage{Number: 2, Limit: 3, From: hour(1), Before: hour(5)}, 4, []string{"s2"}},
		"between two":                 {projections.HistoryPage{Number: 1, Limit: 9, From: hour(1.1), Before: hour(1.9)}, 0, nil},
		"nothing at all":              {projections.HistoryPage{Number: 1, Limit: 9, From: hour(3), Before: hour(3)}, 0, nil},
		"the wrong way round":         {projections.HistoryPage{Number: 1, Limit: 9, From: hour(5), Before: hour(1)}, 0, nil},
	} {
		got, err := a.history.Page(t.Context(), "study-1", c.page)
		check.NoError(a.t, err)
		if ids := idsOf(got); !slices.Equal(ids, c.want) || got.Total != c.total {
			t.Errorf("%s: %v of %d, want %v of %d", name, ids, got.Total, c.want, c.total)
		}
	}
	got, err := a.history.Page(t.Context(), "study-2", projections.HistoryPage{Number: 1, Limit: 20, From: hour(0)})
	check.NoError(a.t, err)
	if got.Total != 0 || len(got.Sessions) != 0 || got.Position == 0 {
		t.Errorf("a study without sessions has %+v", got)
	}
}

func idsOf(past projections.PastSessions) (ids []string) {
	for _, s := range past.Sessions {
		ids = append(ids, s.ID)
	}
	return ids
}

// TestPagesEqualTheSortedList compares pages with a list that is sorted, filtered and sliced. Sessions may start at the same moment.
func TestPagesEqualTheSortedList(t *testing.T) {
	t.Parallel()
	a := newStatsServer(t, seoul(t))
	rounds := 0
	rapid.Check(t, func(r *rapid.T) {
		rounds++
		study, start := fmt.Sprintf("study-%d", rounds), epoch
		var sessions []pastSession
		for i := range rapid.IntRange(0, 12).Draw(r, "sessions") {
			start = start.Add(time.Duration(rapid.IntRange(0, 2).Draw(r, "gap")) * time.Minute)
			sessions = append(sessions, pastSession{id: fmt.Sprintf("%s-%d", study, i), start: start})
		}
		a.givenPast(study, sessions...)
		moment := rapid.Custom(func(r *rapid.T) *time.Time {
			at := epoch.Add(time.Duration(rapid.IntRange(-2, 26).Draw(r, "half minutes")) * 30 * time.Second)
			return rapid.SampledFrom([]*time.Time{nil, &at}).Draw(r, "moment")
		})
		page := projections.HistoryPage{
			Number: rapid.Int64Range(1, 5).Draw(r, "page"), Limit: rapid.Int64Range(1, 5).Draw(r, "limit"),
			From: moment.Draw(r, "from"), Before: moment.Draw(r, "before"),
		}
		var want []string
		for _, m := range slices.Backward(sessions) {
			if (page.From == nil || !m.start.Before(*page.From)) && (page.Before == nil || m.start.Before(*page.Before)) {
				want = append(want, m.id)
			}
		}
		total := int64(len(want))
		first := min((page.Number-1)*page.Limit, total)
		want = want[first:min(first+page.Limit, total)]

		got, err := a.history.Page(t.Context(), study, page)

		if err != nil {
			r.Fatal(err)
		}
		if ids := idsOf(got); !slices.Equal(ids, want) || got.Total != total {
			r.Fatalf("%v of %d, want %v of %d", ids, got.Total, want, total)
		}
	})
}

func TestQueriesOnTablesOfAnotherVersionAreUnavailable(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"another version's checkpoint": `update checkpoints set name = split_part(name, '/', 1) || '/99'`,
		"no checkpoint":                `delete from checkpoints`,
		"no tables":                    `drop schema history cascade; drop schema user_stats cascade; drop schema study_stats cascade`,
		"other columns": `alter table history.sessions rename present_ms to x; alter table user_stats.totals rename present_ms to x;
			alter table study_stats.user_days rename present_ms to x`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newStatsServer(t, seoul(t))
			a.exec(sql)
			_, history := a.history.Page(t.Context(), "study-1", projections.HistoryPage{Number: 1, Limit: 20})
			_, user := a.users.Summary(t.Context(), "study-1", "kim")
			_, study := a.studies.Summary(t.Context(), "study-1", 7, epoch)
			for _, err := range []error{history, user, study} {
				if !errors.Is(err, projections.ErrUnavailable) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

func TestWaitForWithoutACheckpointIsUnavailable(t *testing.T) {
	t.Parallel()
	a := newStatsServer(t, seoul(t))
	a.exec(`delete from checkpoints`)
	for _, err := range []error{
		a.history.WaitFor(t.Context(), 1), a.users.WaitFor(t.Context(), 1), a.studies.WaitFor(t.Context(), 1),
	} {
		if !errors.Is(err, projections.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
}
