package httpapi_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/feed"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres/postgrestest"
	attendance "github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/projections"
)

// The example study's people.
const (
	owner    = "user-456"
	admin    = "user-100"
	member   = "user-789"
	former   = "user-900"
	outsider = "user-555"
	noOne    = ""
)

const calls = "/api/my-studies/study-123/video-call/"

// world is the whole program behind the REST edge, over a database of its own with the example study. Ids are id-1,
// id-2 …, and time goes on only when the test says so.
type world struct {
	tb       testing.TB
	url      string
	handler  *httpapi.Server
	feeds    *feed.Feeds
	pool     *pgxpool.Pool
	store    *eventstore.Store
	commands *commands.Handlers
	logged   *logged
	now      atomic.Int64 // milliseconds
}

// setup is all that a server is made of.
type setup struct {
	httpapi.Config
	httpapi.Services
}

// open makes a server that serves every route.
func (s setup) open() *httpapi.Server {
	server := httpapi.New(s.Config)
	server.Open(s.Services)
	return server
}

func newWorld(tb testing.TB, changes ...func(*setup)) *world {
	tb.Helper()
	return newWorldOver(tb, postgrestest.New(tb), changes...)
}

func newWorldOver(tb testing.TB, pool *pgxpool.Pool, changes ...func(*setup)) *world {
	tb.Helper()
	w := &world{tb: tb, pool: pool, logged: &logged{}}
	w.now.Store(time.Date(2025, 11, 19, 10, 30, 0, 0, time.UTC).UnixMilli())
	log := slog.New(slog.NewJSONHandler(w.logged, nil))
	_, err := membership.SeedExample(tb.Context(), pool)
	must(tb, err)
	store, err := eventstore.Open(tb.Context(), pool, log)
	must(tb, err)
	tb.Cleanup(store.Close)
	w.store = store
	all := projections.All(seoul(tb))
	must(tb, projections.NewRebuilder(pool, store, log, func(int64, int64) {}).Prepare(tb.Context(), all...))
	running, stop := context.WithCancel(context.Background())
	var runner sync.WaitGroup
	runner.Go(func() {
		if err := projections.NewRunner(store, log, all...).Run(running); err != nil && running.Err() == nil {
			tb.Errorf("run the projections: %v", err)
		}
	})
	tb.Cleanup(func() { stop(); runner.Wait() })

	tables := membership.NewTables(pool)
	access := membership.NewAccess(tables)
	var ids atomic.Int64
	newID := func() string { return "id-" + strconv.FormatInt(ids.Add(1), 10) }
	w.commands, err = commands.New(store, access, commands.DefaultSettings(), newID)
	must(tb, err)
	sessions := projections.NewSessionQueries(pool, store)
	sessions.FreshWithin = time.Minute
	w.feeds = feed.New(feed.Config{Log: store, Observe: func(eventstore.Recorded) {}, Logger: log})
	recheck := 50 * time.Millisecond
	config := setup{
		httpapi.Config{
			Authenticator: believing{}, Now: w.time, Zone: seoul(tb), RecheckInterval: recheck, Log: log,
		},
		httpapi.Services{
			Commands: w.commands, Sessions: sessions,
			Presence: attendance.New(pool, w.commands, nil, attendance.Settings{EmptyTimeout: time.Minute, Now: w.time}, log),
			History:  projections.NewHistoryQueries(pool, store), UserStats: projections.NewUserStatsQueries(pool, store),
			StudyStats: projections.NewStudyStatsQueries(pool, store, seoul(tb)), Access: access, Recheck: access, Users: tables,
			Readiness: projections.NewReadiness(pool), Metrics: http.NotFoundHandler(), Feeds: w.feeds,
		},
	}
	for _, change := range changes {
		change(&config)
	}
	w.handler = config.open()
	runner.Go(func() { w.feeds.Run(running) })
	runner.Go(func() { w.handler.RecheckFeeds(running) })
	tb.Cleanup(func() { check.NoError(tb, w.feeds.Close(context.Background())) }) // before the server waits for its connections
	server := httptest.NewServer(w.handler)
	tb.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// seoul is the default of the statistics time zone.
func seoul(tb testing.TB) *time.Location {
	tb.Helper()
	return zoneOf(tb, "Asia/Seoul")
}

func zoneOf(tb testing.TB, name string) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation(name)
	must(tb, err)
	return zone
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// time is the business time, with a fraction that no answer may show.
func (w *world) time() time.Time { return time.UnixMilli(w.now.Load()).Add(999 * time.Microsecond) }

func (w *world) pass(d time.Duration) { w.now.Add(d.Milliseconds()) }

func (w *world) exec(sql string, args ...any) {
	w.tb.Helper()
	_, err := w.pool.Exec(w.tb.Context(), sql, args...)
	must(w.tb, err)
}

// events counts the log.
func (w *world) events(tb testing.TB) (n int) {
	tb.Helper()
	must(tb, w.pool.QueryRow(tb.Context(), `select count(*) from events`).Scan(&n))
	return n
}

// leases counts who is in a call over REST.
func (w *world) leases(tb testing.TB) (n int) {
	tb.Helper()
	must(tb, w.pool.QueryRow(tb.Context(), `select count(*) from connections where kind = 'rest'`).Scan(&n))
	return n
}

// answer is what a client sees.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request to the study's path, as a user (noOne: none), with headers "Name: value" as pairs.
func (w *world) ask(user, method, path, body string, headers ...string) answer {
	w.tb.Helper()
	return w.send(user, method, calls+path, bytes.NewReader([]byte(body)), headers...)
}

func (w *world) send(user, method, path string, body io.Reader, headers ...string) answer {
	w.tb.Helper()
	request, err := http.NewRequestWithContext(w.tb.Context(), method, w.url+path, body)
	must(w.tb, err)
	if user != noOne {
		request.Header.Set("X-User-Id", user)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	must(w.tb, err)
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	must(w.tb, err)
	return answer{response.StatusCode, response.Header, string(read)}
}

// start opens the study's session and returns its id.
func (w *world) start() string {
	w.tb.Helper()
	started, err := w.commands.StartSession(w.tb.Context(), commands.StartSession{StudyID: "study-123", UserID: owner, At: w.time()})
	must(w.tb, err)
	return started.SessionID
}

// naming is a body with a session's id.
func naming(sessionID string) string { return `{"sessionId":` + strconv.Quote(sessionID) + `}` }

// logged keeps the log's lines.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
