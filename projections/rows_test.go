package projections_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
	"github.com/studycall/studycall/seed"
)

// TestALongPastIsRebuiltWhole: more rows than are written at once, of several studies at once. The three projections must
// agree, which share nothing but the sessions: what users' totals and days say is summed from history's rows by Postgres.
func TestALongPastIsRebuiltWhole(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t, projections.All(seoul(t))...)
	past := seed.Past{Seed: 7, Sessions: 700, Until: time.Date(2025, 11, 20, 0, 0, 0, 0, seoul(t))}
	for n := range 3 {
		study, version := past.Study(n+1), int64(0)
		for events := range study.Sessions() {
			_, err := h.store.Append(t.Context(), eventstore.Stream(study.ID), version, events)
			h.then(err)
			version += int64(len(events))
		}
	}
	h.prepare()
	h.rebuild()

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
		`select 'not all sessions are in history' where (select count(*) from history.sessions) <> 2100`,
		`select 'there are too many days of users' where (select count(*) from study_stats.user_days)
			<> (select count(distinct (study_id, day, user_id)) from ` + attended + ` a)`,
		`select 'there are too many days' where (select count(*) from study_stats.days)
			<> (select count(distinct (study_id, (started_at at time zone 'Asia/Seoul')::date)) from history.sessions)`,
	} {
		if rows := h.column(differ); len(rows) > 0 {
			t.Errorf("%d differences, the first: %s", len(rows), rows[0])
		}
	}
}

// TestADayThatComesTwice: in Newfoundland's autumn of 2010, a minute after midnight it was an hour before midnight again. A
// rebuild, which writes a day once it is over, must not take that for the end of it.
func TestADayThatComesTwice(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/St_Johns")
	if err != nil {
		t.Fatal(err)
	}
	h := vacantHouse(t, projections.All(zone)...)
	h.prepare()
	h.occupy()
	turned := time.Date(2010, 11, 7, 2, 31, 0, 0, time.UTC)
	starts := []time.Duration{-25 * time.Hour, -10 * time.Minute, -40 * time.Second, 10 * time.Minute, 2 * time.Hour, 100 * time.Hour}
	for n, start := range starts {
		id := string(rune('a' + n))
		fact := func(after time.Duration) domain.Fact {
			return domain.Fact{SessionID: id, At: turned.Add(start + after)}
		}
		h.given("study-1",
			domain.SessionStarted{Fact: fact(0), StartedBy: "kim"},
			domain.ParticipantJoined{Fact: fact(1), ParticipantID: id + "-kim", UserID: "kim"},
			domain.ParticipantLeft{Fact: fact(10 * time.Second), UserID: "kim", Reason: domain.Left},
			domain.SessionEnded{Fact: fact(10 * time.Second), Reason: domain.EveryoneLeft})
	}
	h.caughtUp()
	before := h.contents()
	days := h.column(`select format('%s %s', day, sessions) from study_stats.days order by day`)
	if want := []string{"2010-11-05 1", "2010-11-06 2", "2010-11-07 2", "2010-11-11 1"}; unlike(days, want) != "" {
		t.Fatalf("the days are %q, not %q", days, want)
	}
	h.rebuild()
	h.mustHave(before)
}

// TestDaysInAnyOrder: sessions whose days go backwards by more than any clock does, as another program may have written them.
// What is live can be rebuilt.
func TestDaysInAnyOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for n, day := range []int{10, 12, 3, 12, 3, 11, 20, 3} {
		id := string(rune('a' + n))
		fact := domain.Fact{SessionID: id, At: time.Date(2025, 11, day, 3, n, 0, 0, time.UTC)}
		h.given("study-1",
			domain.SessionStarted{Fact: fact, StartedBy: "kim"},
			domain.ParticipantJoined{Fact: fact, ParticipantID: id + "-kim", UserID: "kim"},
			domain.ParticipantLeft{Fact: fact, UserID: "kim", Reason: domain.Left},
			domain.SessionEnded{Fact: fact, Reason: domain.EveryoneLeft})
	}
	h.caughtUp()
	before, schema := h.contents(), h.schema()
	h.rebuild()
	h.mustHave(before)
	if d := unlike(h.schema(), schema); d != "" {
		t.Errorf("the new tables are made otherwise:\n%s", d)
	}
}
