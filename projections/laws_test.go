package projections_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

// zones returns the time zones of the tests by the schema of their statistics.
func zones() map[string]string {
	if testing.Short() {
		return map[string]string{"study_stats": "Asia/Seoul", "in_new_york": "America/New_York"}
	}
	return map[string]string{"study_stats": "Asia/Seoul", "in_new_york": "America/New_York", "in_utc": "UTC", "in_kathmandu": "Asia/Kathmandu"}
}

// everyZone returns all projections, with study_stats once for each zone.
func everyZone(t *testing.T) []projections.Projection {
	t.Helper()
	all := projections.All(seoul(t))
	for name, zone := range zones() {
		if name != "study_stats" {
			all = append(all, overridden{Projection: projections.StudyStats{Zone: inZone(t, zone)}, name: name})
		}
	}
	return all
}

// TestLiveFoldRebuildVerifyAndNaiveCalculationAgree compares random histories of several studies in several time zones: folded live,
// rebuilt, verified, and calculated in a naive way.
func TestLiveFoldRebuildVerifyAndNaiveCalculationAgree(t *testing.T) {
	t.Parallel()
	srv := idleServer(t, everyZone(t)...)
	srv.prepare()
	srv.run()
	var studies []string
	rapid.Check(t, func(r *rapid.T) {
		s := srv.newHistories(r)
		studies = append(studies, s.studies...)
		s.run(max(20, fewer(80)), func() {})
		srv.waitUntilCaughtUp()
		srv.mustMatchNaive(r, s.studies)
		srv.mustObeyLaws(r, s.studies)
		if rapid.IntRange(0, 19).Draw(r, "rebuild") == 0 {
			before := srv.contents()
			srv.rebuild()
			srv.mustHaveContents(before)
			srv.mustVerify()
		}
	})
	before := srv.contents()
	srv.rebuild()
	srv.mustHaveContents(before)
	srv.mustVerify()
	srv.mustMatchNaive(t, studies)
	srv.mustObeyLaws(t, studies)
	srv.mustHaveNoLeftovers()
	if ended := len(srv.column(`select session_id from history.sessions`)); ended < 100 && !testing.Short() {
		t.Errorf("only %d sessions ended: too few to mean anything", ended)
	}
}

// TestRedeliveredEventsChangeNothing: delivery may restart at any position that it has reached, with slices of any size, and the
// tables equal the log. So they do after all events are delivered once more.
func TestRedeliveredEventsChangeNothing(t *testing.T) {
	t.Parallel()
	srv := idleServer(t, projections.All(seoul(t))...)
	srv.prepare()
	reached, again := int64(0), 0
	// deliver folds a slice of the log into all tables.
	deliver := func(after int64, limit int) int64 {
		events, err := srv.store.ReadAll(t.Context(), after, limit)
		check.NoError(srv.t, err)
		if len(events) == 0 {
			return after
		}
		for _, p := range srv.all {
			check.NoError(srv.t, pgx.BeginFunc(t.Context(), srv.pool, func(tx pgx.Tx) error {
				return projections.FoldInto(p, p.Name())(t.Context(), tx, events)
			}))
		}
		if after < reached {
			again++
		}
		last := events[len(events)-1].Position
		reached = max(reached, last)
		return last
	}
	rapid.Check(t, func(r *rapid.T) {
		s := srv.newHistories(r)
		first := srv.head()
		anywhere := func() int64 { return rapid.Int64Range(max(0, first-20), reached).Draw(r, "from") }
		slice := func() int { return rapid.IntRange(1, 60).Draw(r, "slice") }
		s.run(max(20, fewer(60)), func() {
			if rapid.IntRange(0, 14).Draw(r, "deliver") == 0 {
				deliver(anywhere(), slice())
			}
		})
		for reached < srv.head() {
			deliver(anywhere(), slice())
			deliver(reached, slice())
		}
		srv.mustMatchNaive(r, s.studies)
		for after := anywhere(); after < srv.head(); {
			after = deliver(after, slice())
		}
		srv.mustMatchNaive(r, s.studies)
	})
	before := srv.contents()
	for after := int64(0); after < srv.head(); {
		after = deliver(after, 300)
	}
	srv.mustHaveContents(before)
	if again < 100 && !testing.Short() {
		t.Errorf("only %d slices were redelivered", again)
	}
}

// TestFoldReadsOnlyTheEventsOfItsSessions, however many sessions a study has, with and without planner statistics of the log. A
// fold that reads the whole log for each slice would make catching up quadratic.
func TestFoldReadsOnlyTheEventsOfItsSessions(t *testing.T) {
	t.Parallel()
	skipIfShort(t, "writes 12,000 events")
	srv := idleServer(t, projections.All(seoul(t))...)
	srv.prepare()
	for study := range 2 {
		var events []domain.Event
		for n := range 3000 {
			id := fmt.Sprintf("s-%d-%d", study, n)
			events = append(events, domain.SessionStarted{Fact: at(id, n*100), StartedBy: "kim"},
				domain.SessionEnded{Fact: at(id, n*100+50), Reason: domain.NobodyJoined})
		}
		srv.given(fmt.Sprintf("study-%d", study), events...)
	}
	const slice = 400
	for round := range 16 { // beyond the fifth, a prepared statement may have a plan for any arguments
		if round == 8 {
			srv.exec(`analyze events`)
		}
		events, err := srv.store.ReadAll(t.Context(), int64(4000+round*slice/2), slice)
		check.NoError(srv.t, err)
		for _, p := range srv.all {
			var before, read int64
			check.NoError(srv.t, pgx.BeginFunc(t.Context(), srv.pool, func(tx pgx.Tx) error {
				const sql = `select coalesce(sum(seq_tup_read + idx_tup_fetch), 0) - $1::bigint from pg_stat_xact_user_tables
					where schemaname = 'public' and relname = 'events'`
				if err := tx.QueryRow(t.Context(), sql, 0).Scan(&before); err != nil {
					return err
				}
				if err := projections.FoldInto(p, p.Name())(t.Context(), tx, events); err != nil {
					return err
				}
				return tx.QueryRow(t.Context(), sql, before).Scan(&read)
			}))
			if read > 4*slice {
				t.Errorf("round %d: folding %d events, %s reads %d", round, slice, p.Name(), read)
			}
		}
	}
}

// failing is a *testing.T or a *rapid.T.
type failing interface {
	Helper()
	Fatalf(format string, args ...any)
}

// mustMatchNaive compares the rows of some studies in all tables with the naive calculation.
func (srv *server) mustMatchNaive(t failing, studies []string) {
	t.Helper()
	all := naiveSessionsOf(srv.factsOf(studies))
	compare := func(table, sql string, want lines) {
		t.Helper()
		if d := lineDiff(srv.column(sql, studies), want); d != "" {
			t.Fatalf("%s differs from the log:\n%s", table, d)
		}
	}
	compare("sessions.sessions", `select concat_ws('|', id, study_id, started_by, `+inMS("started_at")+`, `+inMS("ended_at")+`,
		coalesce(end_reason, '-'), position) from sessions.sessions where study_id = any($1)`, naiveSessionRows(all))
	compare("sessions.participants", `select concat_ws('|', session_id, user_id, p.id, ordinal, `+inMS("joined_at")+`, `+inMS("left_at")+`,
		`+inMS("last_at")+`, present_ms, `+inMS("present_since")+`, muted_ms, `+inMS("muted_since")+`, camera_off_ms,
		`+inMS("camera_off_since")+`, sharing_ms, `+inMS("sharing_since")+`)
		from sessions.participants p join sessions.sessions s on s.id = session_id where study_id = any($1)`, naiveParticipantRows(all))
	compare("history.sessions", `select concat_ws('|', session_id, study_id, number, started_by, `+inMS("started_at")+`, `+inMS("ended_at")+`,
		array_to_string(participant_ids, ','), array_to_string(user_ids, ','), array_to_string(present_ms, ','), position)
		from history.sessions where study_id = any($1)`, naiveHistory(all))
	compare("user_stats.totals", `select concat_ws('|', study_id, user_id, sessions, present_ms, muted_ms, camera_off_ms, sharing_ms,
		`+inMS("first_joined_at")+`, `+inMS("last_left_at")+`, position) from user_stats.totals where study_id = any($1)`, naiveTotals(all))
	for _, p := range srv.all {
		zone, ok := zones()[p.Name()]
		if !ok {
			continue
		}
		compare(p.Name()+".days", `select concat_ws('|', study_id, day, sessions, participants, duration_ms, position)
			from `+p.Name()+`.days where study_id = any($1)`, naiveDays(all, inZone(srv.t, zone)))
		compare(p.Name()+".user_days", `select concat_ws('|', study_id, day, user_id, sessions, present_ms, position)
			from `+p.Name()+`.user_days where study_id = any($1)`, naiveUserDays(all, inZone(srv.t, zone)))
	}
}

// inMS returns SQL for a time in milliseconds, or a dash.
func inMS(column string) string {
	return `coalesce(((extract(epoch from ` + column + `) * 1000)::bigint)::text, '-')`
}

// laws returns, for each law, a query for rows that break it.
func laws() map[string]string {
	return map[string]string{
		"no time is negative, and nobody does anything for longer than present": `
			select t::text from user_stats.totals t where study_id = any($1) and
				(least(present_ms, muted_ms, camera_off_ms, sharing_ms) < 0 or greatest(muted_ms, camera_off_ms, sharing_ms) > present_ms)
			union all
			select p::text from sessions.participants p join sessions.sessions s on s.id = p.session_id where study_id = any($1) and
				(least(present_ms, muted_ms, camera_off_ms, sharing_ms) < 0
					or ended_at is not null and greatest(muted_ms, camera_off_ms, sharing_ms) > present_ms
					or present_since is null and coalesce(muted_since, camera_off_since, sharing_since) is not null
					or (present_since is null) <> (left_at is not null))`,
		"nobody is present for longer than the session": `
			select h::text from history.sessions h, unnest(present_ms) ms where study_id = any($1) and
				ms > extract(epoch from ended_at - started_at) * 1000`,
		"a session ends with its last leave, and nobody is left in it": `
			select s::text from sessions.sessions s where study_id = any($1) and ended_at is not null and (
				exists (select from sessions.participants p where p.session_id = s.id and p.left_at is null) or ended_at <>
				coalesce((select max(p.left_at) from sessions.participants p where p.session_id = s.id), ended_at) or ended_at < started_at)`,
		"what users were present is what history says": `
			select format('%s %s', a, b) from (
				select study_id, user_id, count(*) n, sum(ms) ms from history.sessions, unnest(user_ids, present_ms) as u (user_id, ms)
				where study_id = any($1) group by 1, 2) a
			full join (select study_id, user_id, sessions n, present_ms ms from user_stats.totals where study_id = any($1)) b
				using (study_id, user_id)
			where (a.n, a.ms) is distinct from (b.n, b.ms)`,
		"history holds the ended sessions, numbered as they started, without gaps": `
			select format('%s %s', a, s) from (
				select *, row_number() over (partition by study_id order by started_at, position) as counted
				from history.sessions where study_id = any($1)) a
			full join (select * from sessions.sessions where study_id = any($1) and ended_at is not null) s on s.id = a.session_id
			where a.number is distinct from a.counted or a.session_id is null or s.id is null or s.position <> a.position
				or cardinality(a.user_ids) <> (select count(*) from sessions.participants p where p.session_id = s.id)`,
		"days add up to history": `
			select format('%s %s', a, b) from (
				select study_id, count(*) n, sum(cardinality(user_ids)) people, sum((extract(epoch from ended_at - started_at) * 1000)::bigint) ms
				from history.sessions where study_id = any($1) group by 1) a
			full join (select study_id, sum(sessions) n, sum(participants) people, sum(duration_ms) ms from STATS.days
				where study_id = any($1) group by 1) b using (study_id)
			where (a.n, a.people, a.ms) is distinct from (b.n, b.people, b.ms)`,
		"users' days add up to days": `
			select format('%s %s', a, b) from (
				select study_id, day, sum(sessions) people from STATS.user_days where study_id = any($1) group by 1, 2) a
			full join (select study_id, day, participants people from STATS.days where study_id = any($1) and participants > 0) b
				using (study_id, day)
			where a.people is distinct from b.people`,
		"users' days add up to users": `
			select format('%s %s', a, b) from (
				select study_id, user_id, sum(sessions) n, sum(present_ms) ms from STATS.user_days where study_id = any($1) group by 1, 2) a
			full join (select study_id, user_id, sessions n, present_ms ms from user_stats.totals where study_id = any($1)) b
				using (study_id, user_id)
			where (a.n, a.ms) is distinct from (b.n, b.ms)`,
	}
}

// mustObeyLaws fails if rows of the studies break a law.
func (srv *server) mustObeyLaws(t failing, studies []string) {
	t.Helper()
	for law, sql := range laws() {
		schemas := []string{""}
		if strings.Contains(sql, "STATS") {
			schemas = slices.Collect(maps.Keys(zones()))
		}
		for _, schema := range schemas {
			if outlaws := srv.column(strings.ReplaceAll(sql, "STATS", schema), studies); len(outlaws) > 0 {
				t.Fatalf("%s, except for (%s):\n%s", law, schema, strings.Join(outlaws, "\n"))
			}
		}
	}
}
