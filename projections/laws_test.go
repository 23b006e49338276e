package projections_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

// zones are those in which the tests count days, and the schema of the statistics in each.
func zones() map[string]string {
	return map[string]string{"study_stats": "Asia/Seoul", "in_new_york": "America/New_York", "in_utc": "UTC", "in_kathmandu": "Asia/Kathmandu"}
}

// everyZone are all projections, study_stats once for each zone.
func everyZone(t *testing.T) []projections.Projection {
	t.Helper()
	all := projections.All(seoul(t))
	for name, zone := range zones() {
		if name != "study_stats" {
			all = append(all, altered{Projection: projections.StudyStats{Zone: inZone(t, zone)}, name: name})
		}
	}
	return all
}

// TestLiveRebuildVerifyAndTheNaiveCalculationAgree: random histories of several studies, folded live as they come, rebuilt,
// verified, and calculated once more in a naive way; in several time zones at once.
func TestLiveRebuildVerifyAndTheNaiveCalculationAgree(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t, everyZone(t)...)
	h.prepare()
	h.occupy()
	var studies []string
	rapid.Check(t, func(r *rapid.T) {
		s := h.newHistories(r)
		studies = append(studies, s.studies...)
		s.live(80, func() {})
		h.caughtUp()
		h.mustBeNaive(r, s.studies)
		h.mustBeLawful(r, s.studies)
		if rapid.IntRange(0, 19).Draw(r, "rebuild") == 0 {
			before := h.contents()
			h.rebuild()
			h.mustHave(before)
			h.mustBeTheLog()
		}
	})
	before := h.contents()
	h.rebuild()
	h.mustHave(before)
	h.mustBeTheLog()
	h.mustBeNaive(t, studies)
	h.mustBeLawful(t, studies)
	h.mustBeTidy()
	if ended := len(h.column(`select session_id from history.sessions`)); ended < 100 {
		t.Errorf("only %d sessions ended: too few to mean anything", ended)
	}
}

// TestEventsDeliveredAgainChangeNothing: whoever delivers the log may at any time begin again at any point that was
// reached, with slices of any size: the tables are those of the log. So they are when everything is delivered once more.
func TestEventsDeliveredAgainChangeNothing(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t, projections.All(seoul(t))...)
	h.prepare()
	reached, again := int64(0), 0
	// deliver folds a slice of the log into all tables.
	deliver := func(after int64, limit int) int64 {
		events, err := h.store.ReadAll(t.Context(), after, limit)
		h.then(err)
		if len(events) == 0 {
			return after
		}
		for _, p := range h.all {
			h.then(pgx.BeginFunc(t.Context(), h.pool, func(tx pgx.Tx) error {
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
		s := h.newHistories(r)
		first := h.head()
		anywhere := func() int64 { return rapid.Int64Range(max(0, first-20), reached).Draw(r, "from") }
		slice := func() int { return rapid.IntRange(1, 60).Draw(r, "slice") }
		s.live(60, func() {
			if rapid.IntRange(0, 14).Draw(r, "deliver") == 0 {
				deliver(anywhere(), slice())
			}
		})
		for reached < h.head() {
			deliver(anywhere(), slice())
			deliver(reached, slice())
		}
		h.mustBeNaive(r, s.studies)
		for after := anywhere(); after < h.head(); {
			after = deliver(after, slice())
		}
		h.mustBeNaive(r, s.studies)
	})
	before := h.contents()
	for after := int64(0); after < h.head(); {
		after = deliver(after, 300)
	}
	h.mustHave(before)
	if again < 100 {
		t.Errorf("only %d slices were delivered again", again)
	}
}

// TestAFoldReadsItsOwnSessionsOnly: however many sessions a study has had, and whatever the planner knows about the log. A fold
// that looks at the whole log for each slice makes catching up quadratic.
func TestAFoldReadsItsOwnSessionsOnly(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t, projections.All(seoul(t))...)
	h.prepare()
	for study := range 2 {
		var events []domain.Event
		for n := range 3000 {
			id := fmt.Sprintf("s-%d-%d", study, n)
			events = append(events, domain.SessionStarted{Fact: at(id, n*100), StartedBy: "kim"},
				domain.SessionEnded{Fact: at(id, n*100+50), Reason: domain.NobodyJoined})
		}
		h.given(fmt.Sprintf("study-%d", study), events...)
	}
	const slice = 400
	for round := range 16 { // beyond the fifth, a prepared statement may have a plan for any arguments
		if round == 8 {
			h.exec(`analyze events`)
		}
		events, err := h.store.ReadAll(t.Context(), int64(4000+round*slice/2), slice)
		h.then(err)
		for _, p := range h.all {
			var before, read int64
			h.then(pgx.BeginFunc(t.Context(), h.pool, func(tx pgx.Tx) error {
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
				t.Errorf("round %d: to fold %d events, %s reads %d", round, slice, p.Name(), read)
			}
		}
	}
}

// failing is a test, or an example of one.
type failing interface {
	Helper()
	Fatalf(format string, args ...any)
}

// mustBeNaive compares all tables' rows of some studies with the naive calculation.
func (h *house) mustBeNaive(t failing, studies []string) {
	t.Helper()
	all := occasionsOf(h.factsOf(studies))
	compare := func(table, sql string, want lines) {
		t.Helper()
		if d := unlike(h.column(sql, studies), want); d != "" {
			t.Fatalf("%s is not what is in the log:\n%s", table, d)
		}
	}
	compare("sessions.sessions", `select concat_ws('|', id, study_id, started_by, `+inMS("started_at")+`, `+inMS("ended_at")+`,
		coalesce(end_reason, '-'), position) from sessions.sessions where study_id = any($1)`, naiveSessions(all))
	compare("sessions.participants", `select concat_ws('|', session_id, user_id, p.id, ordinal, `+inMS("joined_at")+`, `+inMS("left_at")+`,
		`+inMS("last_at")+`, present_ms, `+inMS("present_since")+`, muted_ms, `+inMS("muted_since")+`, camera_off_ms,
		`+inMS("camera_off_since")+`, sharing_ms, `+inMS("sharing_since")+`)
		from sessions.participants p join sessions.sessions s on s.id = session_id where study_id = any($1)`, naiveParticipants(all))
	compare("history.sessions", `select concat_ws('|', session_id, study_id, number, started_by, `+inMS("started_at")+`, `+inMS("ended_at")+`,
		array_to_string(participant_ids, ','), array_to_string(user_ids, ','), array_to_string(present_ms, ','), position)
		from history.sessions where study_id = any($1)`, naiveHistory(all))
	compare("user_stats.totals", `select concat_ws('|', study_id, user_id, sessions, present_ms, muted_ms, camera_off_ms, sharing_ms,
		`+inMS("first_joined_at")+`, `+inMS("last_left_at")+`, position) from user_stats.totals where study_id = any($1)`, naiveTotals(all))
	for _, p := range h.all {
		zone, ok := zones()[p.Name()]
		if !ok {
			continue
		}
		compare(p.Name()+".days", `select concat_ws('|', study_id, day, sessions, participants, duration_ms, position)
			from `+p.Name()+`.days where study_id = any($1)`, naiveDays(all, inZone(h.t, zone)))
		compare(p.Name()+".user_days", `select concat_ws('|', study_id, day, user_id, sessions, present_ms, position)
			from `+p.Name()+`.user_days where study_id = any($1)`, naiveUserDays(all, inZone(h.t, zone)))
	}
}

// inMS is the SQL of a time in milliseconds, or a dash.
func inMS(column string) string {
	return `coalesce(((extract(epoch from ` + column + `) * 1000)::bigint)::text, '-')`
}

// laws are queries for rows that break one.
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

// mustBeLawful fails where rows of the studies break a law.
func (h *house) mustBeLawful(t failing, studies []string) {
	t.Helper()
	for law, sql := range laws() {
		schemas := []string{""}
		if strings.Contains(sql, "STATS") {
			schemas = slices.Collect(maps.Keys(zones()))
		}
		for _, schema := range schemas {
			if outlaws := h.column(strings.ReplaceAll(sql, "STATS", schema), studies); len(outlaws) > 0 {
				t.Fatalf("%s: not these (%s):\n%s", law, schema, strings.Join(outlaws, "\n"))
			}
		}
	}
}
