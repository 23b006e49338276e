package eventstore

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// longLog inserts 50,000 events: 500 studies with ten sessions of ten events, the first a SessionStarted.
const longLog = `
	insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at)
	select position, 'call-' || (position - 1) % 500, version, (position - 1) % 500 || '-' || (version - 1) / 10,
	       case when version % 10 = 1 then 'SessionStarted' else 'AudioMuted' end, 1, '{"userId":"kim"}', now()
	from (select n as position, 1 + (n - 1) / 500 as version from generate_series(1, 50000) n) numbered`

// newLongLog creates a database with that log and a checkpoint near its end.
func newLongLog(t *testing.T, analyzed bool) *pgxpool.Pool {
	t.Helper()
	pool := postgrestest.New(t)
	for _, sql := range []string{longLog, `insert into checkpoints (name, position) values ('p', 49990)`} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if analyzed {
		if _, err := pool.Exec(t.Context(), `analyze events; analyze checkpoints`); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

// Each query uses an index, so its cost does not grow with the log: with custom and generic plans, with and without statistics.
func TestQueriesUseAnIndex(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: inserts 100,000 events")
	}
	for _, analyzed := range []bool{true, false} {
		t.Run(fmt.Sprintf("analyzed=%t", analyzed), func(t *testing.T) {
			t.Parallel()
			pool := newLongLog(t, analyzed)
			for name, q := range map[string]struct{ sql, types, args string }{
				"read all":       {readAllSQL, "bigint, bigint", "40000, 500"},
				"read the end":   {readAllSQL, "bigint, bigint", "50000, 500"},
				"read a page":    {readStreamSQL, "text, bigint, int", "'call-7', 90, 500"},
				"version at":     {versionAtSQL, "text, bigint", "'call-7', 100"},
				"load":           {loadSQL, "text", "'call-7'"},
				"load session":   {loadSessionSQL, "text", "'7-3'"},
				"chapters":       {chaptersSQL, "text[], bigint[]", "array['call-7', 'call-8'], array[30, 40]"},
				"scan":           {scanSQL, "bigint, bigint, bigint", "10000, 40000, 10000"},
				"slice":          {sliceSQL, "text, bigint", "'p', 500"},
				"filtered slice": {filteredSliceSQL, "text, bigint, text[]", "'p', 500, array['AudioMuted']"},
			} {
				for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
					plan := explain(t, pool, mode, q.sql, q.types, q.args)
					if strings.Contains(plan, "Seq Scan on events") || !strings.Contains(plan, "events_") {
						t.Errorf("%s, %s:\n%s", name, mode, plan)
					}
				}
			}
		})
	}
}

// explain returns the plan of a query.
func explain(t *testing.T, pool *pgxpool.Pool, mode, sql, types, args string) string {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	for _, statement := range []string{"set local plan_cache_mode = " + mode, "prepare q (" + types + ") as " + sql} {
		if _, err := tx.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	defer func() { _, _ = tx.Exec(t.Context(), "deallocate q") }()
	rows, err := tx.Query(t.Context(), "explain (costs off) execute q ("+args+")", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// Neither Open, nor Append, nor a waiting consumer's check of its checkpoint scans the log.
func TestAStoreNeverScansTheLog(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: inserts 100,000 events")
	}
	for _, analyzed := range []bool{true, false} {
		t.Run(fmt.Sprintf("analyzed=%t", analyzed), func(t *testing.T) {
			t.Parallel()
			pool := newLongLog(t, analyzed)
			log := slog.New(slog.NewTextHandler(t.Output(), nil))
			before := scans(t, pool)
			s, err := Open(t.Context(), pool, log)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			event := domain.AudioMuted{Fact: anyFact, UserID: "kim"}
			if _, err := s.Append(t.Context(), "call-7", 100, []domain.Event{event, event}); err != nil {
				t.Error(err)
			}
			if _, err := s.Append(t.Context(), "call-new", 0, []domain.Event{event}); err != nil {
				t.Error(err)
			}
			c := newConsumer(s, "p", typeFilter{}, log)
			if !c.behind(t.Context()) {
				t.Error("the checkpoint at 49,990 is not behind")
			}
			if _, err := pool.Exec(t.Context(), `update checkpoints set position = 50003`); err != nil {
				t.Fatal(err)
			}
			if c.behind(t.Context()) {
				t.Error("the checkpoint at the head is behind")
			}
			if n := scans(t, pool) - before; n != 0 {
				t.Errorf("scanned the log %d times", n)
			}
		})
	}
}

// scans returns how often the log was scanned. It first makes each connection flush its counters.
func scans(t *testing.T, pool *pgxpool.Pool) int64 {
	t.Helper()
	var version int
	if err := pool.QueryRow(t.Context(), `select current_setting('server_version_num')::int`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version < 15_00_00 {
		t.Skip("before version 15, Postgres cannot flush its counters on request")
	}
	var held []*pgxpool.Conn
	for range pool.Config().MaxConns {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
		if _, err := conn.Exec(t.Context(), `select pg_stat_force_next_flush()`); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `select 1`); err != nil {
			t.Fatal(err)
		}
	}
	for _, conn := range held {
		conn.Release()
	}
	var n int64
	const counted = `select seq_scan from pg_stat_user_tables where relname = 'events'`
	if err := pool.QueryRow(t.Context(), counted).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
