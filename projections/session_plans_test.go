package projections_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/studycall/studycall/projections"
)

// manySessions creates 500 studies with 60 sessions each, of 4 people, 300 of which have another session that is open. The log has
// 100 events of each study.
const manySessions = `
	insert into sessions.sessions
	select study || '/' || n, 'study-' || study, 'user-1', began, case when n <= 60 then began + interval '10 minutes' end,
		case when n <= 60 then 'everyone_left' end, study * 100
	from generate_series(1, 500) study, generate_series(1, 61) n, lateral (select '2025-11-01T00:00:00Z'::timestamptz + n * interval '6 hours') s (began)
	where n <= 60 or study <= 300;

	insert into sessions.participants
	select s.id, 'user-' || n, s.id || '/' || n, n, s.started_at, s.ended_at, coalesce(s.ended_at, s.started_at), 600000,
		case when s.ended_at is null then s.started_at end, 0, null, 0, null, 0, null
	from sessions.sessions s, generate_series(0, 3) n;

	insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at)
	select n, 'call-study-' || 1 + (n - 1) % 500, 1 + (n - 1) / 500, 'none', 'AudioMuted', 1, '{"userId":"kim"}', now()
	from generate_series(1, 50000) n`

// TestSessionQueriesUseIndexes: the cost of reading a study's session, or all open sessions, does not depend on the number of ended
// sessions.
func TestSessionQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	skipIfShort(t, "writes 30,000 sessions")
	for _, analyzed := range []bool{false, true} {
		t.Run(fmt.Sprintf("analyzed=%t", analyzed), func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			srv.stop()
			srv.exec(`alter table sessions.sessions set (autovacuum_enabled = false);
				alter table sessions.participants set (autovacuum_enabled = false);
				alter table events set (autovacuum_enabled = false);` + manySessions)
			if analyzed {
				srv.exec(`analyze sessions.sessions, sessions.participants, events, checkpoints`)
			}
			for name, q := range map[string]struct {
				sql, types, args string
				rows             float64 // the most that the plan may read: checkpoints, the study's latest event, sessions, participants
			}{
				"open":            {projections.OpenSessionSQL, "text, text, text", "'sessions/1', 'study-7', 'call-study-7'", 5 + 1 + 4},
				"none open":       {projections.OpenSessionSQL, "text, text, text", "'sessions/1', 'study-400', 'call-study-400'", 5},
				"ended":           {projections.SessionSQL, "text, text, text, text", "'sessions/1', 'study-7', 'call-study-7', '7/30'", 5 + 1 + 4},
				"another study's": {projections.SessionSQL, "text, text, text, text", "'sessions/1', 'study-8', 'call-study-8', '7/30'", 5 + 1},
				"all open":        {projections.OpenCallsSQL, "text", "'sessions/1'", 5 + 300 + 300*4},
			} {
				for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
					plan := explain(t, srv.pool, mode, q.sql, q.types, q.args)
					read := rowsRead(t, plan)
					t.Logf("%s, %s: %v rows\n%s", name, mode, read, plan)
					if read > q.rows || strings.Contains(plan, "Seq Scan on sessions") || strings.Contains(plan, "Seq Scan on participants") ||
						strings.Contains(plan, "Seq Scan on events") {
						t.Errorf("%s, %s: reads %v rows, want at most %v by index:\n%s", name, mode, read, q.rows, plan)
					}
				}
			}
		})
	}
}
