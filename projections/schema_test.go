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

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/projections"
)

// schema1 holds the log of an earlier program, whose SessionStarted had the key "startedBy", and the tables that it made.
const schema1 = "testdata/schema-1"

// orders returns the keys of the tables, by which the rows in the files are ordered.
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

// TestLogOfSchema1FoldsToTheSameTables live, in a rebuild and in a verification.
func TestLogOfSchema1FoldsToTheSameTables(t *testing.T) {
	t.Parallel()
	srv := idleServer(t, projections.All(seoul(t))...)
	log, err := os.Open(filepath.Join(schema1, "events.tsv"))
	check.NoError(srv.t, err)
	defer func() { _ = log.Close() }()
	check.NoError(srv.t, srv.pool.AcquireFunc(t.Context(), func(conn *pgxpool.Conn) error {
		_, err := conn.Conn().PgConn().CopyFrom(t.Context(), log, `copy events (position, stream_id, version, session_id, type, schema,
			data, occurred_at, recorded_at) from stdin`)
		return err
	}))
	old := srv.column(`select session_id from events where type = 'SessionStarted' and schema = 1
		and data ->> 'startedBy' <> '' and data ->> 'userId' is null`)
	started := srv.column(`select session_id from events where type = 'SessionStarted'`)
	if len(old) < 20 || len(old) != len(started) {
		t.Fatalf("%d of %d SessionStarted are of schema 1: the fixture does not have enough old events", len(old), len(started))
	}

	srv.prepare()
	srv.run()
	srv.waitUntilCaughtUp()
	srv.mustMatchFiles("folded live")
	srv.rebuild()
	srv.mustMatchFiles("rebuilt")
	srv.mustVerify()
	srv.mustMatchNaive(t, srv.column(`select distinct substr(stream_id, 6) from events`))
}

// mustMatchFiles compares all tables with the files, byte by byte.
func (srv *server) mustMatchFiles(how string) {
	srv.t.Helper()
	tables := slices.Sorted(maps.Keys(srv.contents()))
	tables = slices.DeleteFunc(tables, func(name string) bool { return name == "checkpoints" })
	if known := slices.Sorted(maps.Keys(orders())); !slices.Equal(tables, known) {
		srv.t.Fatalf("the tables are %v, the files are %v", tables, known)
	}
	for table, order := range orders() {
		want, err := os.ReadFile(filepath.Join(schema1, table+".tsv"))
		check.NoError(srv.t, err)
		var got string
		check.NoError(srv.t, pgx.BeginFunc(srv.t.Context(), srv.pool, func(tx pgx.Tx) error {
			got = copied(srv.t, tx, `select * from `+table+` order by `+order)
			return nil
		}))
		if got != string(want) {
			srv.t.Errorf("%s, %s, differs from its file:\n%s", table, how, lineDiff(strings.Split(got, "\n"), strings.Split(string(want), "\n")))
		}
	}
}
