package projections_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/projections"
)

// schema1 holds the log of an earlier program, whose SessionStarted said "startedBy", and the tables that it made of it.
const schema1 = "testdata/schema-1"

// orders are the keys of the tables, in whose order the files have the rows.
func orders() map[string]string {
	return map[string]string{
		"sessions.sessions":     "id",
		"sessions.participants": "session_id, user_id",
		"history.sessions":      "session_id",
		"user_stats.totals":     "study_id, user_id",
		"study_stats.days":      "study_id, day",
		"study_stats.user_days": "study_id, day, user_id",
	}
}

// TestALogOfSchema1FoldsToTheSameTables: live, rebuilt and verified.
func TestALogOfSchema1FoldsToTheSameTables(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t, projections.All(seoul(t))...)
	log, err := os.Open(filepath.Join(schema1, "events.tsv"))
	h.then(err)
	defer func() { _ = log.Close() }()
	h.then(h.pool.AcquireFunc(t.Context(), func(conn *pgxpool.Conn) error {
		_, err := conn.Conn().PgConn().CopyFrom(t.Context(), log, `copy events (position, stream_id, version, session_id, type, schema,
			data, occurred_at, recorded_at) from stdin`)
		return err
	}))
	old := h.column(`select session_id from events where type = 'SessionStarted' and schema = 1
		and data ->> 'startedBy' <> '' and data ->> 'userId' is null`)
	started := h.column(`select session_id from events where type = 'SessionStarted'`)
	if len(old) < 20 || len(old) != len(started) {
		t.Fatalf("%d of %d SessionStarted are of schema 1: the fixture does not show what it should", len(old), len(started))
	}

	h.prepare()
	h.occupy()
	h.caughtUp()
	h.mustBeTheFiles("folded live")
	h.rebuild()
	h.mustBeTheFiles("rebuilt")
	h.mustBeTheLog()
	h.mustBeNaive(t, h.column(`select distinct substr(stream_id, 6) from events`))
}

// mustBeTheFiles compares all tables with the files, byte by byte.
func (h *house) mustBeTheFiles(how string) {
	h.t.Helper()
	tables := slices.Sorted(maps.Keys(h.contents()))
	tables = slices.DeleteFunc(tables, func(name string) bool { return name == "checkpoints" })
	if known := slices.Sorted(maps.Keys(orders())); !slices.Equal(tables, known) {
		h.t.Fatalf("the tables are %v, the files are of %v", tables, known)
	}
	for table, order := range orders() {
		want, err := os.ReadFile(filepath.Join(schema1, table+".tsv"))
		h.then(err)
		var got string
		h.then(pgx.BeginFunc(h.t.Context(), h.pool, func(tx pgx.Tx) error {
			got = copied(h.t, tx, `select * from `+table+` order by `+order)
			return nil
		}))
		if got != string(want) {
			h.t.Errorf("%s, %s, is not as it was:\n%s", table, how, unlike(strings.Split(got, "\n"), strings.Split(string(want), "\n")))
		}
	}
}
