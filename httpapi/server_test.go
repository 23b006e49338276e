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
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/projections"
)

// The users of the example study.
const (
	owner    = "user-456"
	admin    = "user-100"
	member   = "user-789"
	former   = "user-900"
	outsider = "user-555"
	noOne    = ""
)

const calls = "/api/my-studies/study-123/video-call/"

// server is a complete server without sockets, over a database of its own with the example study. Ids are id-1, id-2 and so on.
// The test moves the clock.
type server struct {
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

// setup holds the parts of a server.
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

func newServer(tb testing.TB, changes ...func(*setup)) *server {
	tb.Helper()
	return newServerOver(tb, postgrestest.New(tb), changes...)
}

func newServerOver(tb testing.TB, pool *pgxpool.Pool, changes ...func(*setup)) *server {
	tb.Helper()
	s := &server{tb: tb, pool: pool, logged: &logged{}}
	s.now.Store(time.Date(2025, 11, 19, 10, 30, 0, 0, time.UTC).UnixMilli())
	log := slog.New(slog.NewJSONHandler(s.logged, nil))
	_, err := membership.SeedExample(tb.Context(), pool)
	check.NoError(tb, err)
	store, err := eventstore.Open(tb.Context(), pool, log)
	check.NoError(tb, err)
	tb.Cleanup(store.Close)
	s.store = store
	all := projections.All(seoul(tb))
	check.NoError(tb, projections.NewRebuilder(pool, store, log, func(int64, int64) {}).Prepare(tb.Context(), all...))
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
	s.commands, err = commands.New(store, access, commands.DefaultSettings(), newID)
	check.NoError(tb, err)
	sessions := projections.NewSessionQueries(pool, store)
	sessions.FreshWithin = time.Minute
	s.feeds = feed.New(feed.Config{Log: store, Observe: func(eventstore.Recorded) {}, Logger: log})
	recheck := 50 * time.Millisecond
	config := setup{
		httpapi.Config{
			Authenticator: believing{}, Now: s.time, Zone: seoul(tb), RecheckInterval: recheck, Log: log,
		},
		httpapi.Services{
			Commands: s.commands, Sessions: sessions,
			Presence: presence.New(pool, s.commands, nil, presence.Settings{EmptyTimeout: time.Minute, Now: s.time}, log),
			History:  projections.NewHistoryQueries(pool, store), UserStats: projections.NewUserStatsQueries(pool, store),
			StudyStats: projections.NewStudyStatsQueries(pool, store, seoul(tb)), Access: access, Recheck: access, Users: tables,
			Readiness: projections.NewReadiness(pool), Metrics: http.NotFoundHandler(), Feeds: s.feeds,
		},
	}
	for _, change := range changes {
		change(&config)
	}
	s.handler = config.open()
	runner.Go(func() { s.feeds.Run(running) })
	runner.Go(func() { s.handler.RecheckFeeds(running) })
	tb.Cleanup(func() { check.NoError(tb, s.feeds.Close(context.Background())) }) // before the server waits for its connections
	server := httptest.NewServer(s.handler)
	tb.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// seoul is the default of the statistics time zone.
func seoul(tb testing.TB) *time.Location {
	tb.Helper()
	return zoneOf(tb, "Asia/Seoul")
}

func zoneOf(tb testing.TB, name string) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation(name)
	check.NoError(tb, err)
	return zone
}

// time returns the business time, with a fraction that no answer may show.
func (s *server) time() time.Time { return time.UnixMilli(s.now.Load()).Add(999 * time.Microsecond) }

func (s *server) pass(d time.Duration) { s.now.Add(d.Milliseconds()) }

func (s *server) exec(sql string, args ...any) {
	s.tb.Helper()
	_, err := s.pool.Exec(s.tb.Context(), sql, args...)
	check.NoError(s.tb, err)
}

// events returns the number of events in the log.
func (s *server) events(tb testing.TB) (n int) {
	tb.Helper()
	check.NoError(tb, s.pool.QueryRow(tb.Context(), `select count(*) from events`).Scan(&n))
	return n
}

// leases returns the number of participants in calls without a socket.
func (s *server) leases(tb testing.TB) (n int) {
	tb.Helper()
	check.NoError(tb, s.pool.QueryRow(tb.Context(), `select count(*) from connections where kind = 'rest'`).Scan(&n))
	return n
}

// answer is the response to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request below the study's path, as a user (noOne: none), with headers as pairs of name and value.
func (s *server) ask(user, method, path, body string, headers ...string) answer {
	s.tb.Helper()
	return s.send(user, method, calls+path, bytes.NewReader([]byte(body)), headers...)
}

func (s *server) send(user, method, path string, body io.Reader, headers ...string) answer {
	s.tb.Helper()
	request, err := http.NewRequestWithContext(s.tb.Context(), method, s.url+path, body)
	check.NoError(s.tb, err)
	if user != noOne {
		request.Header.Set("X-User-Id", user)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	check.NoError(s.tb, err)
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	check.NoError(s.tb, err)
	return answer{response.StatusCode, response.Header, string(read)}
}

// start opens the study's session and returns its id.
func (s *server) start() string {
	s.tb.Helper()
	started, err := s.commands.StartSession(s.tb.Context(), commands.StartSession{StudyID: "study-123", UserID: owner, At: s.time()})
	check.NoError(s.tb, err)
	return started.SessionID
}

// naming returns a body with a session's id.
func naming(sessionID string) string { return `{"sessionId":` + strconv.Quote(sessionID) + `}` }

// logged collects the lines of a log.
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
