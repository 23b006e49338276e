package projections_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/projections"
)

func TestStudySummary(t *testing.T) {
	t.Parallel()
	a := newStatsServer(t, seoul(t))
	// Seoul is nine hours ahead: its 19th begins on the 18th at 15:00.
	utc := func(day, hour, minute int) time.Time { return time.Date(2025, 11, day, hour, minute, 0, 0, time.UTC) }
	position := a.givenPast("study-1",
		pastSession{"s1", utc(12, 14, 59), time.Hour, []stay{{"lee", time.Hour}, {"kim", time.Hour}}}, // the 12th, until the 13th
		pastSession{"s2", utc(16, 10, 0), time.Hour, []stay{{"lee", time.Hour}}},
		pastSession{"s3", utc(18, 14, 59), 2 * time.Hour, []stay{{"kim", 2 * time.Hour}, {"lee", 30 * time.Minute}}}, // over midnight
		pastSession{"s4", utc(18, 17, 0), 1500 * time.Millisecond, nil},
		pastSession{"s5", utc(19, 16, 0), time.Hour, []stay{{"kim", time.Hour}}}) // tomorrow
	a.givenPast("study-2", pastSession{"s6", utc(16, 10, 0), time.Hour, []stay{{"park", time.Hour}}})

	for _, c := range []struct {
		days                   int
		sessions, participants int64
		duration               time.Duration
		active                 projections.ActiveUser
		perDay                 string
	}{
		{7, 3, 3, 3*time.Hour + 1500*time.Millisecond, projections.ActiveUser{UserID: "lee", Sessions: 2},
			"13:0 14:0 15:0 16:1 17:0 18:1 19:1 "},
		{1, 1, 0, 1500 * time.Millisecond, projections.ActiveUser{}, "19:1 "},
		{2, 2, 2, 2*time.Hour + 1500*time.Millisecond, projections.ActiveUser{UserID: "kim", Sessions: 1}, "18:1 19:1 "},
		{projections.AllDays, 4, 5, 4*time.Hour + 1500*time.Millisecond, projections.ActiveUser{UserID: "lee", Sessions: 3},
			"12:1 13:0 14:0 15:0 16:1 17:0 18:1 19:1 "},
	} {
		// 14:30 UTC is still the 19th in Seoul.
		got, err := a.studies.Summary(t.Context(), "study-1", c.days, utc(19, 14, 30))
		check.NoError(a.t, err)
		var active projections.ActiveUser
		if got.MostActive != nil {
			active = *got.MostActive
		}
		if got.Sessions != c.sessions || got.Participants != c.participants || got.Duration != c.duration || active != c.active ||
			perDay(got) != c.perDay || got.Position < position {
			t.Errorf("%d days: got %+v, most active %+v, want %+v", c.days, got, active, c)
		}
	}
	got, err := a.studies.Summary(t.Context(), "study-1", 1, utc(19, 15, 0))
	check.NoError(a.t, err)
	if perDay(got) != "20:1 " {
		t.Errorf("at midnight in Seoul the last day is not the next one: %+v", got)
	}
}

func perDay(s projections.StudySummary) string {
	var text strings.Builder
	for _, d := range s.Days {
		fmt.Fprintf(&text, "%d:%d ", d.Day.Day(), d.Sessions)
	}
	return text.String()
}

func TestSummaryOfAStudyWithoutSessionsHasEmptyDays(t *testing.T) {
	t.Parallel()
	a := newStatsServer(t, seoul(t))
	for days, want := range map[int]int{7: 7, 30: 30, 365: 365, projections.AllDays: 0} {
		got, err := a.studies.Summary(t.Context(), "study-1", days, epoch)
		check.NoError(a.t, err)
		if len(got.Days) != want || got.Sessions != 0 || got.Participants != 0 || got.Duration != 0 || got.MostActive != nil {
			t.Errorf("%d days: %+v", days, got)
		}
	}
}

func TestMostActiveUserAmongSeveral(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stays [][]stay // of one session after the other
		want  projections.ActiveUser
	}{
		"most sessions":       {[][]stay{{{"a", time.Hour}, {"b", time.Second}}, {{"b", time.Second}}}, projections.ActiveUser{UserID: "b", Sessions: 2}},
		"then longest time":   {[][]stay{{{"a", time.Second}, {"b", 1001 * time.Millisecond}}}, projections.ActiveUser{UserID: "b", Sessions: 1}},
		"then smallest id":    {[][]stay{{{"c", time.Second}, {"b", time.Second}}}, projections.ActiveUser{UserID: "b", Sessions: 1}},
		"smallest by bytes":   {[][]stay{{{"a-1", 1}, {"B", 1}, {"_", 1}, {"가", 1}}}, projections.ActiveUser{UserID: "B", Sessions: 1}},
		"nobody":              {[][]stay{{}, {}}, projections.ActiveUser{}},
		"present for no time": {[][]stay{{{"a", 0}}}, projections.ActiveUser{UserID: "a", Sessions: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newStatsServer(t, seoul(t))
			for i, stays := range c.stays {
				a.givenPast("study-1", pastSession{fmt.Sprintf("s%d", i), epoch.Add(time.Duration(i) * time.Hour), time.Hour, stays})
			}
			got, err := a.studies.Summary(t.Context(), "study-1", 7, epoch)
			check.NoError(a.t, err)
			var active projections.ActiveUser
			if got.MostActive != nil {
				active = *got.MostActive
			}
			if active != c.want {
				t.Errorf("got %+v, want %+v", active, c.want)
			}
		})
	}
}

// TestDaysAreCalendarDaysOfTheZone covers days of 23, 24 and 25 hours, a day that a zone skipped, and midnights that a zone
// skipped or repeated. Sessions start every half hour for a week around each zone's unusual day.
func TestDaysAreCalendarDaysOfTheZone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		around time.Time // midnight UTC of the unusual day
		want   string    // sessions on the day before, that day and the day after
	}{
		"Asia/Seoul":          {date(2025, 11, 19), "18:48 19:48 20:48 "},
		"America/New_York":    {date(2025, 3, 9), "8:48 9:46 10:48 "},
		"Europe/Berlin":       {date(2025, 10, 26), "25:48 26:50 27:48 "},
		"America/Havana":      {date(2025, 3, 9), "8:48 9:46 10:48 "}, // 00:00 is 01:00
		"Asia/Beirut":         {date(2025, 3, 30), "29:48 30:46 31:48 "},
		"Australia/Lord_Howe": {date(2025, 4, 6), "5:48 6:49 7:48 "},     // half an hour
		"Pacific/Apia":        {date(2011, 12, 30), "29:48 30:0 31:48 "}, // was skipped
		"Asia/Kathmandu":      {date(2025, 1, 15), "14:48 15:48 16:48 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != "America/Havana" {
				skipIfShort(t, "needs a database for each zone")
			}
			zone := inZone(t, name)
			a := newStatsServer(t, zone)
			var sessions []pastSession
			var midnight time.Time
			for at := c.around.AddDate(0, 0, -3); at.Before(c.around.AddDate(0, 0, 4)); at = at.Add(30 * time.Minute) {
				sessions = append(sessions, pastSession{id: at.String(), start: at.Add(time.Second), stays: []stay{{"kim", 0}}})
				if local := at.In(zone); local.Day() == c.around.AddDate(0, 0, 1).Day() {
					midnight = at // the latest half hour of the day after
				}
			}
			a.givenPast("study-1", sessions...)

			got, err := a.studies.Summary(t.Context(), "study-1", 3, midnight)

			check.NoError(a.t, err)
			if perDay(got) != c.want || got.MostActive == nil || got.MostActive.Sessions != got.Sessions {
				t.Errorf("got %s, want %s", perDay(got), c.want)
			}
		})
	}
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// TestSummaryEqualsTheNaiveSums compares summaries with loops over the sessions themselves.
func TestSummaryEqualsTheNaiveSums(t *testing.T) {
	t.Parallel()
	zone := inZone(t, "America/New_York")
	a := newStatsServer(t, zone)
	rounds, now := 0, time.Date(2025, 3, 12, 3, 30, 0, 0, time.UTC) // still the 11th; clocks changed on the 9th
	rapid.Check(t, func(r *rapid.T) {
		rounds++
		study, start := fmt.Sprintf("study-%d", rounds), now.AddDate(0, 0, -12)
		var sessions []pastSession
		for i := range rapid.IntRange(0, 10).Draw(r, "sessions") {
			start = start.Add(time.Duration(rapid.IntRange(1, 40).Draw(r, "gap")) * time.Hour)
			m := pastSession{id: fmt.Sprintf("%s-%d", study, i), start: start, length: time.Hour}
			for _, user := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "B", "c"}), rapid.ID).Draw(r, "users") {
				m.stays = append(m.stays, stay{user, time.Duration(rapid.IntRange(0, 3).Draw(r, "stay")) * time.Millisecond})
			}
			sessions = append(sessions, m)
		}
		a.givenPast(study, sessions...)
		days := rapid.SampledFrom([]int{projections.AllDays, 1, 2, 7}).Draw(r, "days")

		got, err := a.studies.Summary(t.Context(), study, days, now)

		if err != nil {
			r.Fatal(err)
		}
		if want := naiveSummary(sessions, days, now.In(zone)); describe(got) != want {
			r.Fatalf("%d days:\ngot  %s\nwant %s", days, describe(got), want)
		}
	})
}

func describe(s projections.StudySummary) string {
	active := "nobody"
	if s.MostActive != nil {
		active = fmt.Sprint(*s.MostActive)
	}
	text := fmt.Sprint(s.Sessions, s.Participants, s.Duration, active)
	for _, d := range s.Days {
		text = fmt.Sprint(text, " ", d.Day.Format(time.DateOnly), ":", d.Sessions)
	}
	return text
}

func naiveSummary(past []pastSession, days int, now time.Time) string {
	today, counts := now.Format(time.DateOnly), map[string]int{}
	first := now.AddDate(0, 0, 1-days).Format(time.DateOnly)
	if days == projections.AllDays && len(past) > 0 {
		first = past[0].start.In(now.Location()).Format(time.DateOnly)
	}
	sessions, participants, duration := int64(0), 0, time.Duration(0)
	times, stays := map[string]int64{}, map[string]time.Duration{}
	for _, m := range past {
		day := m.start.In(now.Location()).Format(time.DateOnly)
		if day < first || day > today {
			continue
		}
		counts[day]++
		sessions, participants, duration = sessions+1, participants+len(m.stays), duration+m.length
		for _, s := range m.stays {
			times[s.user]++
			stays[s.user] += s.length
		}
	}
	active := "nobody"
	var users []string
	for user := range times {
		users = append(users, user)
	}
	slices.Sort(users)
	slices.SortStableFunc(users, func(a, b string) int {
		if times[a] != times[b] {
			return int(times[b] - times[a])
		}
		return int(stays[b] - stays[a])
	})
	if len(users) > 0 {
		active = fmt.Sprint(projections.ActiveUser{UserID: users[0], Sessions: times[users[0]]})
	}
	text := fmt.Sprint(sessions, participants, duration, active)
	noon := time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, time.UTC)
	for day := noon.AddDate(0, 0, -40); !day.After(noon); day = day.AddDate(0, 0, 1) {
		date := day.Format(time.DateOnly)
		if date >= first && (days != projections.AllDays || len(past) > 0) {
			text = fmt.Sprint(text, " ", date, ":", counts[date])
		}
	}
	return text
}
