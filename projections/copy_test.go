package projections_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
	"github.com/studycall/studycall/seed"
)

// TestRebuildOfALongLogIsComplete rebuilds more rows than are written at once, of several studies. The projections share nothing but
// the chapters, so Postgres sums up history's rows, and compares the sums with users' totals and days.
func TestRebuildOfALongLogIsComplete(t *testing.T) {
	t.Parallel()
	srv := idleServer(t, projections.All(seoul(t))...)
	sessions := fewer(700)
	past := seed.Past{Seed: 7, Sessions: sessions, Until: time.Date(2025, 11, 20, 0, 0, 0, 0, seoul(t))}
	for n := range 3 {
		study, version := past.Study(n+1), int64(0)
		for events := range study.Sessions() {
			_, err := srv.store.Append(t.Context(), eventstore.Stream(study.ID), version, events)
			check.NoError(srv.t, err)
			version += int64(len(events))
		}
	}
	srv.prepare()
	srv.rebuild()

	const attended = `(select study_id, (started_at at time zone 'Asia/Seoul')::date as day, u.user_id, u.present_ms, position
		from history.sessions, unnest(user_ids, present_ms) as u (user_id, present_ms))`
	for _, differ := range []string{
		`select format('%s', x) from ((select study_id, day, user_id, count(*), sum(present_ms), max(position)
				from ` + attended + ` a group by 1, 2, 3)
			except (select study_id, day, user_id, sessions, present_ms, position from study_stats.user_days)) x`,
		`select format('%s', x) from ((select study_id, user_id, count(*), sum(present_ms), max(position)
				from ` + attended + ` a group by 1, 2)
			except (select study_id, user_id, sessions, present_ms, position from user_stats.totals)) x`,
		`select format('%s', x) from ((select study_id, (started_at at time zone 'Asia/Seoul')::date, count(*),
				sum(cardinality(user_ids)), sum(extract(epoch from ended_at - started_at) * 1000)::bigint, max(position)
				from history.sessions group by 1, 2)
			except (select study_id, day, sessions, participants, duration_ms, position from study_stats.days)) x`,
		`select 'not all sessions are in history' where (select count(*) from history.sessions) <> ` + strconv.Itoa(3*sessions),
		`select 'there are too many rows in user_days' where (select count(*) from study_stats.user_days)
			<> (select count(distinct (study_id, day, user_id)) from ` + attended + ` a)`,
		`select 'there are too many days' where (select count(*) from study_stats.days)
			<> (select count(distinct (study_id, (started_at at time zone 'Asia/Seoul')::date)) from history.sessions)`,
	} {
		if rows := srv.column(differ); len(rows) > 0 {
			t.Errorf("%d differences, the first: %s", len(rows), rows[0])
		}
	}
}

// TestRebuildOfADayThatIsRepeated: in Newfoundland's autumn of 2010, clocks were turned back by an hour a minute after midnight. A
// rebuild, which encodes a day when a later one begins, must add the sessions of the repeated hour to the right day.
func TestRebuildOfADayThatIsRepeated(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/St_Johns")
	check.NoError(t, err)
	srv := idleServer(t, projections.All(zone)...)
	srv.prepare()
	srv.run()
	turned := time.Date(2010, 11, 7, 2, 31, 0, 0, time.UTC)
	starts := []time.Duration{-25 * time.Hour, -10 * time.Minute, -40 * time.Second, 10 * time.Minute, 2 * time.Hour, 100 * time.Hour}
	for n, start := range starts {
		id := string(rune('a' + n))
		fact := func(after time.Duration) domain.Fact {
			return domain.Fact{SessionID: id, At: turned.Add(start + after)}
		}
		srv.given("study-1",
			domain.SessionStarted{Fact: fact(0), StartedBy: "kim"},
			domain.ParticipantJoined{Fact: fact(1), ParticipantID: id + "-kim", UserID: "kim"},
			domain.ParticipantLeft{Fact: fact(10 * time.Second), UserID: "kim", Reason: domain.Left},
			domain.SessionEnded{Fact: fact(10 * time.Second), Reason: domain.EveryoneLeft})
	}
	srv.waitUntilCaughtUp()
	before := srv.contents()
	days := srv.column(`select format('%s %s', day, sessions) from study_stats.days order by day`)
	if want := []string{"2010-11-05 1", "2010-11-06 2", "2010-11-07 2", "2010-11-11 1"}; lineDiff(days, want) != "" {
		t.Fatalf("the days are %q, not %q", days, want)
	}
	srv.rebuild()
	srv.mustHaveContents(before)
}

// TestRebuildOfDaysInAnyOrder: another program may have written sessions whose days go back by more than any clock does. The
// rebuilt tables equal the live ones.
func TestRebuildOfDaysInAnyOrder(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	for n, day := range []int{10, 12, 3, 12, 3, 11, 20, 3} {
		id := string(rune('a' + n))
		fact := domain.Fact{SessionID: id, At: time.Date(2025, 11, day, 3, n, 0, 0, time.UTC)}
		srv.given("study-1",
			domain.SessionStarted{Fact: fact, StartedBy: "kim"},
			domain.ParticipantJoined{Fact: fact, ParticipantID: id + "-kim", UserID: "kim"},
			domain.ParticipantLeft{Fact: fact, UserID: "kim", Reason: domain.Left},
			domain.SessionEnded{Fact: fact, Reason: domain.EveryoneLeft})
	}
	srv.waitUntilCaughtUp()
	before, schema := srv.contents(), srv.schema()
	srv.rebuild()
	srv.mustHaveContents(before)
	if d := lineDiff(srv.schema(), schema); d != "" {
		t.Errorf("the new tables have another schema:\n%s", d)
	}
}
