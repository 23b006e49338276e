package presence_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/presence"
)

// manyConnections makes 100,000 connections in 10,000 studies on 50 servers, ten of which are silent. One in a thousand is lost.
const manyConnections = `
	alter table connections set (autovacuum_enabled = false);
	insert into servers select 'server-' || s, now() - case when s < 10 then interval '1 hour' else interval '0' end, now()
	from generate_series(0, 49) s;
	insert into connections (study_id, user_id, socket_id, kind, server_id, session_id, seen_at, lost_at, lapses_at)
	select 'study-' || n % 10000, 'user-' || n, 'socket-' || n, 'socket', 'server-' || 10 + n % 40, 'session', now(),
		case when n % 1000 = 0 then now() end, case when n % 1000 = 0 then now() - interval '1 minute' end
	from generate_series(1, 100000) n`

// The queries that run every second use indexes, in custom and in generic plans, with statistics of the tables and without.
func TestFrequentQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: inserts 200,000 rows")
	}
	for _, analyzed := range []bool{false, true} {
		t.Run(fmt.Sprintf("analyzed=%t", analyzed), func(t *testing.T) {
			t.Parallel()
			pool := postgrestest.New(t)
			_, err := pool.Exec(t.Context(), manyConnections)
			check.NoError(t, err)
			if analyzed {
				_, err := pool.Exec(t.Context(), `analyze connections, servers`)
				check.NoError(t, err)
			}
			for name, q := range map[string]struct{ sql, types, args string }{
				"lapsed":       {presence.LapsedSQL, "bigint, bigint, text", "20000000, 500, 'server-10'"},
				"leases":       {presence.LeasesSQL, "text, text, bigint, text", "'study-7', 'user-7', 20000000, 'server-10'"},
				"remote peers": {presence.RemotePeersSQL, "text[], text, bigint", "'{study-7,study-8}', 'server-10', 20000000"},
				"own":          {presence.OwnSQL, "text", "'server-10'"},
				"lose all":     {presence.LoseAllSQL, "text, timestamptz, bigint", "'server-10', now(), 20000000"},
			} {
				for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
					if plan := explain(t, pool, mode, q.sql, q.types, q.args); strings.Contains(plan, "Seq Scan on connections") {
						t.Errorf("%s, %s:\n%s", name, mode, plan)
					}
				}
			}
		})
	}
}

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
	rows, err := tx.Query(t.Context(), "explain (costs off) execute q ("+args+")", pgx.QueryExecModeSimpleProtocol)
	check.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check.NoError(t, err)
	return strings.Join(lines, "\n")
}
