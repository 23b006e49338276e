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

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

// house is one server's event store, projections and queries.
type house struct {
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

func newHouse(t *testing.T) *house {
	t.Helper()
	return houseOn(t, postgrestest.New(t))
}

func houseOn(t *testing.T, pool *pgxpool.Pool) *house {
	t.Helper()
	h := vacantHouseOn(t, pool, projections.All(seoul(t))...)
	h.prepare()
	h.occupy()
	return h
}

// vacantHouse has no tables yet, and nobody who folds the log into them.
func vacantHouse(t *testing.T, all ...projections.Projection) *house {
	t.Helper()
	return vacantHouseOn(t, postgrestest.New(t), all...)
}

func vacantHouseOn(t *testing.T, pool *pgxpool.Pool, all ...projections.Projection) *house {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	store, err := eventstore.Open(t.Context(), pool, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	queries := projections.NewSessionQueries(pool, store)
	queries.FreshWithin = time.Minute
	return &house{t: t, pool: pool, store: store, queries: queries, all: all, log: log,
		rebuilder: projections.NewRebuilder(pool, store, log, func(int64, int64) {}),
		versions:  map[string]int64{}, calls: map[string]*domain.Call{}}
}

func (h *house) prepare() {
	h.t.Helper()
	h.then(h.rebuilder.Prepare(h.t.Context(), h.all...))
}

// occupy runs the projections until the test ends, or until stop is called.
func (h *house) occupy() {
	h.t.Helper()
	h.stop = runInBackground(h.t, projections.NewRunner(h.store, h.log, h.all...))
}

func (h *house) given(study string, events ...domain.Event) {
	h.t.Helper()
	if _, err := h.store.Append(h.t.Context(), eventstore.Stream(study), h.versions[study], events); err != nil {
		h.t.Fatal(err)
	}
	h.versions[study] += int64(len(events))
	call, ok := h.calls[study]
	if !ok {
		call = &domain.Call{}
		h.calls[study] = call
	}
	for _, e := range events {
		call.Evolve(e)
	}
}

// givenUnknown appends an event that only a later program knows to a study that has met before, and returns its position.
func (h *house) givenUnknown(study string) int64 {
	h.t.Helper()
	h.exec(`select from append_events(array['call-' || $1], array[$2::bigint], '{1}', '{s1}', '{FromTheFuture}', '{1}', '{"{}"}',
		'{2025-11-19T10:30:00Z}')`, study, h.versions[study])
	h.versions[study]++
	return h.head()
}

// givenNewer appends an event of a type that this program knows, in a shape that only a later one does, to a session, and
// returns its position.
func (h *house) givenNewer(study, session string) int64 {
	h.t.Helper()
	h.exec(`select from append_events(array['call-' || $1], array[$2::bigint], '{1}', array[$3], '{AudioMuted}', '{9}', '{"{}"}',
		'{2025-11-19T10:30:00Z}')`, study, h.versions[study], session)
	h.versions[study]++
	return h.head()
}

func (h *house) then(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	_, err := h.pool.Exec(h.t.Context(), sql, args...)
	h.then(err)
}

func (h *house) head() int64 {
	h.t.Helper()
	head, err := h.store.Head(h.t.Context())
	h.then(err)
	return head
}

// caughtUp waits until all projections hold the whole log.
func (h *house) caughtUp() {
	h.t.Helper()
	head := h.head()
	patience, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	for _, p := range h.all {
		if err := h.store.WaitFor(patience, projections.CheckpointName(p), head); err != nil {
			h.t.Fatalf("%s does not get as far as the log, %d: %v; it is %+v", p.Name(), head, err, h.statuses()[p.Name()])
		}
	}
}

// verify is what Verify finds, a line for each difference.
func (h *house) verify(chosen ...projections.Projection) []string {
	h.t.Helper()
	if len(chosen) == 0 {
		chosen = h.all
	}
	var found []string
	h.then(h.rebuilder.Verify(h.t.Context(), func(d projections.Difference) {
		found = append(found, fmt.Sprintf("%s.%s %s %q: %s, not %s", d.Projection, d.Table, d.Key, d.Column,
			canonical(h.t, d.Live), canonical(h.t, d.Rebuilt)))
	}, chosen...))
	return found
}

// canonical is JSON without spaces, and with its keys in order.
func canonical(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// mustBeTheLog fails where Verify finds a difference.
func (h *house) mustBeTheLog() {
	h.t.Helper()
	if found := h.verify(); len(found) > 0 {
		h.t.Fatalf("%d differences:\n%s", len(found), strings.Join(found[:min(len(found), 20)], "\n"))
	}
}

// rebuild makes the tables anew, of all projections if none is named.
func (h *house) rebuild(chosen ...projections.Projection) {
	h.t.Helper()
	if len(chosen) == 0 {
		chosen = h.all
	}
	h.then(h.rebuilder.Rebuild(h.t.Context(), chosen...))
}

// contents are all rows of the projections' tables and their checkpoints, as COPY gives them.
func (h *house) contents() map[string]string {
	h.t.Helper()
	found := map[string]string{}
	h.then(pgx.BeginTxFunc(h.t.Context(), h.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		for _, p := range h.all {
			for _, table := range h.column(`select tablename::text from pg_tables where schemaname = $1`, p.Name()) {
				name := p.Name() + "." + table
				found[name] = copied(h.t, tx, `select * from `+name+` t order by t::text collate "C"`)
			}
		}
		found["checkpoints"] = copied(h.t, tx, `select name, position, error from checkpoints order by name collate "C"`)
		return nil
	}))
	return found
}

// copied is a query's result as COPY gives it, times in UTC.
func copied(t *testing.T, tx pgx.Tx, query string) string {
	t.Helper()
	var text bytes.Buffer
	if _, err := tx.Exec(t.Context(), `set local timezone = 'UTC'`); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Conn().PgConn().CopyTo(t.Context(), &text, `copy (`+query+`) to stdout`); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// mustHave fails where the contents are others.
func (h *house) mustHave(want map[string]string) {
	h.t.Helper()
	got := h.contents()
	if maps.Equal(got, want) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if d := unlike(strings.Split(got[name], "\n"), strings.Split(want[name], "\n")); d != "" {
			h.t.Errorf("%s:\n%s", name, d)
		}
	}
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
		h.t.Errorf("the tables are %v, not %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	h.t.FailNow()
}

// unlike shows the lines that only one of two has, whatever their order; nothing if there are none.
func unlike(got, want []string) string {
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

// column is the first column of a query's rows.
func (h *house) column(sql string, args ...any) []string {
	h.t.Helper()
	rows, err := h.pool.Query(h.t.Context(), sql, args...)
	h.then(err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	h.then(err)
	return found
}

// mustBeTidy fails where a rebuild left something behind.
func (h *house) mustBeTidy() {
	h.t.Helper()
	if left := h.column(`select nspname::text from pg_namespace where nspname like '%rebuild%'`); len(left) > 0 {
		h.t.Fatalf("the rebuild left %v", left)
	}
	if held := h.column(`select objid::text from pg_locks where locktype = 'advisory'
		and database = (select oid from pg_database where datname = current_database())`); len(held) > 0 {
		h.t.Fatalf("the rebuild left %d locks", len(held))
	}
}

// folded is the study's latest session as the plain fold of all its events has it.
func (h *house) folded(study string) domain.Session {
	if call, ok := h.calls[study]; ok {
		return call.Session
	}
	return domain.Session{}
}

func seoul(tb testing.TB) *time.Location {
	tb.Helper()
	return inZone(tb, "Asia/Seoul")
}

func inZone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

var epoch = time.Date(2025, 11, 19, 10, 30, 0, 0, time.UTC)

func at(session string, seconds int) domain.Fact {
	return domain.Fact{SessionID: session, At: epoch.Add(time.Duration(seconds) * time.Second)}
}
