package projections_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

// TestLiveFoldsNeverScanTheirTables uses new tables, of which Postgres has no statistics yet.
func TestLiveFoldsNeverScanTheirTables(t *testing.T) {
	t.Parallel()
	srv := idleServer(t, projections.All(seoul(t))...)
	srv.prepare()
	for n := range fewer(500) {
		id := fmt.Sprintf("s%d", n)
		srv.given("study-1", domain.SessionStarted{Fact: at(id, n*100), StartedBy: "kim"},
			domain.ParticipantJoined{Fact: at(id, n*100), ParticipantID: id + "-kim", UserID: "kim"},
			domain.ParticipantLeft{Fact: at(id, n*100+60), UserID: "kim", Reason: domain.Left},
			domain.SessionEnded{Fact: at(id, n*100+60), Reason: domain.EveryoneLeft})
	}
	before := srv.scans()
	srv.run()
	srv.waitUntilCaughtUp()
	srv.stop()
	for table, n := range srv.scans() {
		if n > before[table] {
			t.Errorf("%s was scanned sequentially %d times", table, n-before[table])
		}
	}
}

// scans returns the number of sequential scans of each of the projections' tables. It makes each connection report its counters.
func (srv *server) scans() map[string]int64 {
	srv.t.Helper()
	var version int
	check.NoError(srv.t, srv.pool.QueryRow(srv.t.Context(), `select current_setting('server_version_num')::int`).Scan(&version))
	if version < 15_00_00 {
		srv.t.Skip("before version 15, Postgres cannot report its counters at a given moment")
	}
	var held []*pgxpool.Conn
	for range srv.pool.Config().MaxConns {
		conn, err := srv.pool.Acquire(srv.t.Context())
		check.NoError(srv.t, err)
		held = append(held, conn)
		for _, sql := range []string{`select pg_stat_force_next_flush()`, `select 1`} {
			_, err = conn.Exec(srv.t.Context(), sql)
			check.NoError(srv.t, err)
		}
	}
	for _, conn := range held {
		conn.Release()
	}
	rows, err := srv.pool.Query(srv.t.Context(), `select schemaname || '.' || relname, seq_scan from pg_stat_user_tables where schemaname <> 'public'`)
	check.NoError(srv.t, err)
	found := map[string]int64{}
	for rows.Next() {
		var table string
		var n int64
		check.NoError(srv.t, rows.Scan(&table, &n))
		found[table] = n
	}
	check.NoError(srv.t, rows.Err())
	if len(found) != 6 {
		srv.t.Fatalf("the tables are %v", found)
	}
	return found
}
