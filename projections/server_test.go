package projections_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

// server is one server's event store, projections and queries, with what the test appended.
type server struct {
	t         *testing.T
	pool      *pgxpool.Pool
	store     *eventstore.Store
	queries   *projections.SessionQueries
	rebuilder *projections.Rebuilder
	all       []projections.Projection
	log       *slog.Logger
	stop      func()
	versions  map[string]int64
	calls     map[string]*domain.Call
	next      int
}

func newServer(t *testing.T) *server {
	t.Helper()
	return serverOn(t, postgrestest.New(t))
}

func serverOn(t *testing.T, pool *pgxpool.Pool) *server {
	t.Helper()
	srv := idleServerOn(t, pool, projections.All(seoul(t))...)
	srv.prepare()
	srv.run()
	return srv
}

// idleServer returns a server without tables, which runs no projections.
func idleServer(t *testing.T, all ...projections.Projection) *server {
	t.Helper()
	return idleServerOn(t, postgrestest.New(t), all...)
}

func idleServerOn(t *testing.T, pool *pgxpool.Pool, all ...projections.Projection) *server {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	store, err := eventstore.Open(t.Context(), pool, log)
	check.NoError(t, err)
	t.Cleanup(store.Close)
	queries := projections.NewSessionQueries(pool, store)
	queries.FreshWithin = time.Minute
	return &server{t: t, pool: pool, store: store, queries: queries, all: all, log: log,
		rebuilder: projections.NewRebuilder(pool, store, log, func(int64, int64) {}),
		versions:  map[string]int64{}, calls: map[string]*domain.Call{}}
}

func (srv *server) prepare() {
	srv.t.Helper()
	check.NoError(srv.t, srv.rebuilder.Prepare(srv.t.Context(), srv.all...))
}

// run runs the projections until the test ends, or stop is called.
func (srv *server) run() {
	srv.t.Helper()
	srv.stop = runInBackground(srv.t, projections.NewRunner(srv.store, srv.log, srv.all...))
}

func (srv *server) given(study string, events ...domain.Event) {
	srv.t.Helper()
	_, err := srv.store.Append(srv.t.Context(), eventstore.Stream(study), srv.versions[study], events)
	check.NoError(srv.t, err)
	srv.versions[study] += int64(len(events))
	call, ok := srv.calls[study]
	if !ok {
		call = &domain.Call{}
		srv.calls[study] = call
	}
	for _, e := range events {
		call.Evolve(e)
	}
}

// givenUnknown appends an event of a type that this program does not know to a study, and returns its position.
func (srv *server) givenUnknown(study string) int64 {
	srv.t.Helper()
	srv.exec(`select from append_events(array['call-' || $1], array[$2::bigint], '{1}', '{s1}', '{FromTheFuture}', '{1}', '{"{}"}',
		'{2025-11-19T10:30:00Z}')`, study, srv.versions[study])
	srv.versions[study]++
	return srv.head()
}

// givenNewer appends an event of a known type with an unknown schema to a session, and returns its position.
func (srv *server) givenNewer(study, session string) int64 {
	srv.t.Helper()
	srv.exec(`select from append_events(array['call-' || $1], array[$2::bigint], '{1}', array[$3], '{AudioMuted}', '{9}', '{"{}"}',
		'{2025-11-19T10:30:00Z}')`, study, srv.versions[study], session)
	srv.versions[study]++
	return srv.head()
}

func (srv *server) exec(sql string, args ...any) {
	srv.t.Helper()
	_, err := srv.pool.Exec(srv.t.Context(), sql, args...)
	check.NoError(srv.t, err)
}

func (srv *server) head() int64 {
	srv.t.Helper()
	head, err := srv.store.Head(srv.t.Context())
	check.NoError(srv.t, err)
	return head
}

// waitUntilCaughtUp waits until all projections hold the whole log.
func (srv *server) waitUntilCaughtUp() {
	srv.t.Helper()
	head := srv.head()
	waiting, cancel := context.WithTimeout(srv.t.Context(), time.Minute)
	defer cancel()
	for _, p := range srv.all {
		if err := srv.store.WaitFor(waiting, projections.CheckpointName(p), head); err != nil {
			srv.t.Fatalf("%s does not reach the end of the log, %d: %v; its status is %+v", p.Name(), head, err, srv.statuses()[p.Name()])
		}
	}
}

// verify returns what Verify reports, a line for each difference.
func (srv *server) verify(chosen ...projections.Projection) []string {
	srv.t.Helper()
	if len(chosen) == 0 {
		chosen = srv.all
	}
	var found []string
	check.NoError(srv.t, srv.rebuilder.Verify(srv.t.Context(), func(d projections.Difference) {
		found = append(found, fmt.Sprintf("%s.%s %s %q: %s, not %s", d.Projection, d.Table, d.Key, d.Column,
			canonical(srv.t, d.Live), canonical(srv.t, d.Rebuilt)))
	}, chosen...))
	return found
}

// canonical returns JSON without spaces, its keys sorted.
func canonical(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	data, err := json.Marshal(value)
	check.NoError(t, err)
	return string(data)
}

// mustVerify fails if Verify reports a difference.
func (srv *server) mustVerify() {
	srv.t.Helper()
	if found := srv.verify(); len(found) > 0 {
		srv.t.Fatalf("%d differences:\n%s", len(found), strings.Join(found[:min(len(found), 20)], "\n"))
	}
}

// rebuild rebuilds projections: all if none is named.
func (srv *server) rebuild(chosen ...projections.Projection) {
	srv.t.Helper()
	if len(chosen) == 0 {
		chosen = srv.all
	}
	check.NoError(srv.t, srv.rebuilder.Rebuild(srv.t.Context(), chosen...))
}

// contents returns the rows of all the projections' tables and of the checkpoints as text, by table.
func (srv *server) contents() map[string]string {
	srv.t.Helper()
	found := map[string]string{}
	check.NoError(srv.t, pgx.BeginTxFunc(srv.t.Context(), srv.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		for _, p := range srv.all {
			for _, table := range srv.column(`select tablename::text from pg_tables where schemaname = $1`, p.Name()) {
				name := p.Name() + "." + table
				found[name] = copied(srv.t, tx, `select * from `+name+` t order by t::text collate "C"`)
			}
		}
		found["checkpoints"] = copied(srv.t, tx, `select name, position, error from checkpoints order by name collate "C"`)
		return nil
	}))
	return found
}

// copied returns a query's result in the text format of COPY, with times in UTC.
func copied(t *testing.T, tx pgx.Tx, query string) string {
	t.Helper()
	var text bytes.Buffer
	_, err := tx.Exec(t.Context(), `set local timezone = 'UTC'`)
	check.NoError(t, err)
	_, err = tx.Conn().PgConn().CopyTo(t.Context(), &text, `copy (`+query+`) to stdout`)
	check.NoError(t, err)
	return text.String()
}

// mustHaveContents fails if the contents differ.
func (srv *server) mustHaveContents(want map[string]string) {
	srv.t.Helper()
	got := srv.contents()
	if maps.Equal(got, want) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if d := lineDiff(strings.Split(got[name], "\n"), strings.Split(want[name], "\n")); d != "" {
			srv.t.Errorf("%s:\n%s", name, d)
		}
	}
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
		srv.t.Errorf("the tables are %v, not %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	srv.t.FailNow()
}

// lineDiff returns the lines that only one of the two has, regardless of order, or "".
func lineDiff(got, want []string) string {
	count := map[string]int{}
	for _, line := range got {
		count[line]++
	}
	for _, line := range want {
		count[line]--
	}
	var shown []string
	for line, n := range count {
		if n > 0 {
			shown = append(shown, "got  "+line)
		} else if n < 0 {
			shown = append(shown, "want "+line)
		}
	}
	slices.Sort(shown)
	return strings.Join(shown, "\n")
}

// column returns the first column of a query's rows.
func (srv *server) column(sql string, args ...any) []string {
	srv.t.Helper()
	rows, err := srv.pool.Query(srv.t.Context(), sql, args...)
	check.NoError(srv.t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check.NoError(srv.t, err)
	return found
}

// mustHaveNoLeftovers fails if a rebuild left a schema or a lock.
func (srv *server) mustHaveNoLeftovers() {
	srv.t.Helper()
	if left := srv.column(`select nspname::text from pg_namespace where nspname like '%rebuild%'`); len(left) > 0 {
		srv.t.Fatalf("the rebuild left %v", left)
	}
	if held := srv.column(`select objid::text from pg_locks where locktype = 'advisory'
		and database = (select oid from pg_database where datname = current_database())`); len(held) > 0 {
		srv.t.Fatalf("the rebuild left %d locks", len(held))
	}
}

// folded returns the study's latest session, folded in memory from all its events.
func (srv *server) folded(study string) domain.Session {
	if call, ok := srv.calls[study]; ok {
		return call.Session
	}
	return domain.Session{}
}

// skipIfShort skips a slow test with -short.
func skipIfShort(t *testing.T, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: " + why)
	}
}

// fewer returns a number, or a tenth of it with -short.
func fewer(n int) int {
	if testing.Short() {
		return max(1, n/10)
	}
	return n
}

func seoul(tb testing.TB) *time.Location {
	tb.Helper()
	return inZone(tb, "Asia/Seoul")
}

func inZone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation(name)
	check.NoError(tb, err)
	return zone
}

var epoch = time.Date(2025, 11, 19, 10, 30, 0, 0, time.UTC)

func at(session string, seconds int) domain.Fact {
	return domain.Fact{SessionID: session, At: epoch.Add(time.Duration(seconds) * time.Second)}
}
