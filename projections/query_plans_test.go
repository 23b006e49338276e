package projections_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/projections"
)

// longPast creates study "long" with 100,000 sessions in 1,096 days, each with 4 of 40 users, and a hundred studies with 100
// sessions each, so that the long study is not the whole of each table.
const longPast = `
	insert into history.sessions
	select study || '/' || n, study, n, 'user-1', began, began + interval '10 minutes',
		array[study || n || 'a', study || n || 'b', study || n || 'c', study || n || 'd'],
		array['user-' || (n * 7 % 40), 'user-' || ((n * 7 + 3) % 40), 'user-' || ((n * 7 + 6) % 40), 'user-' || ((n * 7 + 9) % 40)],
		array[600000, 500000, 400000, 300000], row_number() over (order by began, study) * 10
	from (
		select 'long' as study, n, '2022-11-20T00:00:00Z'::timestamptz + n * interval '946.9 seconds' as began
		from generate_series(1, 100000) n
		union all
		select 'short-' || s, n, '2025-01-01T00:00:00Z'::timestamptz + n * interval '1 day'
		from generate_series(1, 100) s, generate_series(1, 100) n
	) past;

	insert into user_stats.totals
	select study_id, user_id, count(*), sum(ms), 0, 0, 0, min(started_at), max(ended_at), max(position)
	from history.sessions, unnest(user_ids, present_ms) as p (user_id, ms) group by 1, 2;

	insert into study_stats.days
	select study_id, (started_at at time zone 'Asia/Seoul')::date, count(*), sum(cardinality(user_ids)), count(*) * 600000, max(position)
	from history.sessions group by 1, 2;

	insert into study_stats.user_days
	select study_id, (started_at at time zone 'Asia/Seoul')::date, user_id, count(*), sum(ms), max(position)
	from history.sessions, unnest(user_ids, present_ms) as p (user_id, ms) group by 1, 2, 3`

// TestQueriesUseIndexes: however long a study's past is, each query uses an index and reads no more rows than it needs, with custom
// and generic plans, with and without planner statistics.
func TestQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	skipIfShort(t, "writes 100,000 sessions")
	for _, analyzed := range []bool{false, true} {
		t.Run(fmt.Sprintf("analyzed=%t", analyzed), func(t *testing.T) {
			t.Parallel()
			a := newStatsServer(t, seoul(t))
			a.exec(`alter table history.sessions set (autovacuum_enabled = false);
				alter table user_stats.totals set (autovacuum_enabled = false);
				alter table study_stats.days set (autovacuum_enabled = false);
				alter table study_stats.user_days set (autovacuum_enabled = false);` + longPast)
			if analyzed {
				// With so many rows of other studies that a sequential scan is never the cheapest plan.
				a.exec(`insert into study_stats.user_days
					select 'short-' || n % 100, date '2025-12-01' + n / 4000, 'user-' || n / 100 % 40, 1, 1, 1 from generate_series(1, 200000) n;
					analyze history.sessions, user_stats.totals, study_stats.days, study_stats.user_days`)
			}
			const history, study = "text, text, timestamptz, timestamptz, bigint, bigint", "text, text, date, date"
			for name, q := range map[string]struct {
				sql, types, args string
				rows             float64 // the most that the plan may read
			}{
				"history, page 1":    {projections.HistorySQL, history, "'history/1', 'long', null, null, 0, 20", 25},
				"history, page 1000": {projections.HistorySQL, history, "'history/1', 'long', null, null, 19980, 20", 25},
				"history, by date": {projections.HistorySQL, history,
					"'history/1', 'long', '2024-01-01T00:00:00Z', '2025-01-01T00:00:00Z', 9980, 20", 25},
				"history, no such date": {projections.HistorySQL, history,
					"'history/1', 'long', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z', 0, 20", 5},
				"history, of no such study": {projections.HistorySQL, history, "'history/1', 'none', null, null, 0, 20", 5},
				"user":                      {projections.UserStatsSQL, "text, text, text", "'user_stats/1', 'long', 'user-7'", 2},
				"study, week": {projections.StudyStatsSQL, study,
					"'study_stats/1/Asia/Seoul', 'long', '2025-11-13', '2025-11-19'", 1 + 7 + 7*40},
				"study, year": {projections.StudyStatsSQL, study,
					"'study_stats/1/Asia/Seoul', 'long', '2024-11-20', '2025-11-19'", 1 + 365 + 365*40},
			} {
				for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
					plan := explain(t, a.pool, mode, q.sql, q.types, q.args)
					read := rowsRead(t, plan)
					t.Logf("%s, %s: %v rows\n%s", name, mode, read, plan)
					if read > q.rows || strings.Contains(plan, "Seq Scan on sessions") || strings.Contains(plan, "Seq Scan on days") ||
						strings.Contains(plan, "Seq Scan on user_days") || strings.Contains(plan, "Seq Scan on totals") {
						t.Errorf("%s, %s: reads %v rows, want at most %v by index:\n%s", name, mode, read, q.rows, plan)
					}
				}
			}
		})
	}
}

// explain executes a statement and returns its plan with the actual rows.
func explain(t *testing.T, pool *pgxpool.Pool, mode, sql, types, args string) string {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	check.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	for _, statement := range []string{"set local plan_cache_mode = " + mode, "prepare q (" + types + ") as " + sql} {
		_, err := tx.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol)
		check.NoError(t, err)
	}
	defer func() { _, _ = tx.Exec(t.Context(), "deallocate q") }()
	rows, err := tx.Query(t.Context(), "explain (analyze, costs off, timing off) execute q ("+args+")", pgx.QueryExecModeSimpleProtocol)
	check.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check.NoError(t, err)
	return strings.Join(lines, "\n")
}

// rowsRead returns the number of rows that the scans of a plan read: returned or removed by a filter.
func rowsRead(t *testing.T, plan string) (sum float64) {
	t.Helper()
	scan := false
	for line := range strings.Lines(plan) {
		var rows, loops float64
		if _, actual, found := strings.Cut(line, "(actual "); found {
			scan = strings.Contains(line, " Scan ") && !strings.Contains(line, "Bitmap Index Scan") && !strings.Contains(line, "Subquery Scan")
			if _, err := fmt.Sscanf(actual, "rows=%f loops=%f", &rows, &loops); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		} else if _, removed, found := strings.Cut(line, "Rows Removed by Filter: "); found {
			if _, err := fmt.Sscan(removed, &rows); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			loops = 1
		} else {
			continue
		}
		if scan {
			sum += rows * loops
		}
	}
	return sum
}
