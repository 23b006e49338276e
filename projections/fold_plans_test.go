package projections_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

// TestLiveFoldsNeverScanTheirTables, which Postgres knows nothing of as yet, since they are new.
func TestLiveFoldsNeverScanTheirTables(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t, projections.All(seoul(t))...)
	h.prepare()
	for n := range 500 {
		id := fmt.Sprintf("s%d", n)
		h.given("study-1", domain.SessionStarted{Fact: at(id, n*100), StartedBy: "kim"},
			domain.ParticipantJoined{Fact: at(id, n*100), ParticipantID: id + "-kim", UserID: "kim"},
			domain.ParticipantLeft{Fact: at(id, n*100+60), UserID: "kim", Reason: domain.Left},
			domain.SessionEnded{Fact: at(id, n*100+60), Reason: domain.EveryoneLeft})
	}
	before := h.scans()
	h.occupy()
	h.caughtUp()
	h.stop()
	for table, n := range h.scans() {
		if n > before[table] {
			t.Errorf("%s was read from end to end %d times", table, n-before[table])
		}
	}
}

// scans is how often each of the projections' tables was read from end to end. Each connection is asked to tell what it
// has counted.
func (h *house) scans() map[string]int64 {
	h.t.Helper()
	var version int
	h.then(h.pool.QueryRow(h.t.Context(), `select current_setting('server_version_num')::int`).Scan(&version))
	if version < 15_00_00 {
		h.t.Skip("before version 15, Postgres' counters cannot be asked for at a given moment")
	}
	var held []*pgxpool.Conn
	for range h.pool.Config().MaxConns {
		conn, err := h.pool.Acquire(h.t.Context())
		h.then(err)
		held = append(held, conn)
		for _, sql := range []string{`select pg_stat_force_next_flush()`, `select 1`} {
			_, err = conn.Exec(h.t.Context(), sql)
			h.then(err)
		}
	}
	for _, conn := range held {
		conn.Release()
	}
	rows, err := h.pool.Query(h.t.Context(), `select schemaname || '.' || relname, seq_scan from pg_stat_user_tables where schemaname <> 'public'`)
	h.then(err)
	found := map[string]int64{}
	for rows.Next() {
		var table string
		var n int64
		h.then(rows.Scan(&table, &n))
		found[table] = n
	}
	h.then(rows.Err())
	if len(found) != 6 {
		h.t.Fatalf("the tables are %v", found)
	}
	return found
}
