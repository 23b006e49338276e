package realtime_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/feed"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/projections"
	"github.com/studycall/studycall/realtime"
	"github.com/studycall/studycall/realtime/realtimetest"
)

const (
	study = "go"
	room  = "study-go-main"
	// inRoom is the data of join-room and leave-room.
	inRoom = `{"studyId":"go","roomId":"study-go-main"}`
	// grace lapses in no test. brief is for tests that wait until it lapses, inTime for tests that reconnect before it lapses.
	grace  = time.Hour
	brief  = 500 * time.Millisecond
	inTime = 5 * time.Second

	recheck  = 50 * time.Millisecond
	patience = realtimetest.Timeout
)

// cluster is a database, and the servers that a test starts on it. There are two studies, "go" and "rust", with the members kim, lee, park,
// choi, and u0 to u39. The user stranger is a member of neither.
type cluster struct {
	t    *testing.T
	url  string
	pool *pgxpool.Pool
	log  *eventstore.Store // opened by recorded
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	return newClusterOn(t, postgrestest.NewURL(t))
}

func newClusterOn(t *testing.T, url string) *cluster {
	t.Helper()
	pool, err := postgres.Connect(t.Context(), url, postgres.WithMaxConns(4))
	check.NoError(t, err)
	t.Cleanup(pool.Close)
	cluster := &cluster{t: t, url: url, pool: pool}
	cluster.exec(`insert into studies (id, name) values ('go', 'Go'), ('rust', 'Rust')`)
	cluster.exec(`insert into users (id, name, email, avatar, status)
		values ('kim', '김철수 🦊', 'kim@example.com', 'https://example.com/kim.png', 'ACTIVE'), ('lee', '이영희', 'lee@example.com', null, 'ACTIVE'),
			('park', '박민수', 'park@example.com', null, 'ACTIVE'), ('choi', '최지우', 'choi@example.com', null, 'ACTIVE'),
			('stranger', '정수빈', 'jung@example.com', null, 'ACTIVE'), ('frozen', '한겨울', 'han@example.com', null, 'SUSPENDED')`)
	cluster.exec(`insert into users (id, name, email) select 'u' || n, 'User ' || n, 'u' || n || '@example.com' from generate_series(0, 39) n`)
	cluster.exec(`insert into study_members (study_id, user_id, role, status)
		select s.id, u.id, 'MEMBER', 'ACTIVE' from studies s, users u where u.id not in ('stranger', 'frozen')`)
	return cluster
}

func (c *cluster) exec(sql string) {
	c.t.Helper()
	_, err := c.pool.Exec(c.t.Context(), sql)
	check.NoError(c.t, err)
}

// server is one server with its parts.
type server struct {
	cluster  *cluster
	id       string
	live     *realtime.Server
	feeds    *feed.Feeds
	present  *presence.Registry
	commands *commands.Handlers
	pool     *pgxpool.Pool
	store    *eventstore.Store
	http     *httptest.Server
	url      string
	stop     func() // ends Run
	end      func() // closes everything
}

// tune changes the configuration of a server.
type tune func(*realtime.Config, *presence.Settings, *commands.Settings)

// graceOf sets the grace time.
func graceOf(d time.Duration) tune {
	return func(_ *realtime.Config, p *presence.Settings, _ *commands.Settings) { p.Grace = d }
}

// server starts a server, which ends with the test.
func (c *cluster) server(tunes ...tune) *server {
	c.t.Helper()
	t := c.t
	pool, err := postgres.Connect(t.Context(), c.url, postgres.WithMaxConns(16))
	check.NoError(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := eventstore.Open(t.Context(), pool, log)
	check.NoError(t, err)
	all := []projections.Projection{projections.Sessions{}}
	check.NoError(t, projections.NewRebuilder(pool, store, log, func(int64, int64) {}).Prepare(t.Context(), all...))
	cached := membership.DefaultCacheSettings(log)
	cached.Fresh = 100 * time.Millisecond
	members, err := membership.NewCached(membership.NewTables(pool), cached)
	check.NoError(t, err)
	access := membership.NewAccess(members)
	rules := commands.DefaultSettings()
	settings := presence.Settings{
		ServerID: rand.Text(), Grace: grace, EmptyTimeout: time.Hour, Beat: 50 * time.Millisecond, Now: time.Now,
	}
	config := realtime.Config{
		Access: access, Recheck: membership.NewAccess(members.WithShorterAge(recheck)), Users: members, Authenticator: auth.Dev{},
		Now: time.Now, NewID: rand.Text, RecheckInterval: recheck, Rates: realtime.DefaultRates(), Log: log,
	}
	for _, change := range tunes {
		change(&config, &settings, &rules)
	}
	server := &server{cluster: c, id: settings.ServerID, pool: pool, store: store}
	server.commands, err = commands.New(store, access, rules, rand.Text)
	check.NoError(t, err)
	sessions := projections.NewSessionQueries(pool, store)
	sessions.FreshWithin = time.Minute
	server.present = presence.New(pool, server.commands, sessions, settings, log)
	config.Commands, config.Calls, config.Presence = server.commands, sessions, server.present
	server.live = realtime.New(config)
	server.feeds = feed.New(feed.Config{Log: store, Observe: server.live.Observe, Logger: log})
	edge := httpapi.New(httpapi.Config{Authenticator: config.Authenticator, Security: httpapi.Security{Origins: config.Origins}, Now: config.Now, Log: log})
	edge.Open(httpapi.Services{Access: access, Sockets: server.live, Feeds: server.feeds})
	server.http = httptest.NewServer(edge)
	server.url = server.http.URL

	running, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { server.live.Run(running) })
	loops.Go(func() { server.feeds.Run(running) })
	loops.Go(func() {
		if err := projections.NewRunner(store, log, all...).Run(running); err != nil && running.Err() == nil {
			t.Errorf("the projections ended with %v", err)
		}
	})
	server.stop = sync.OnceFunc(func() { stop(); loops.Wait() })
	server.end = sync.OnceFunc(server.close)
	t.Cleanup(server.end)
	return server
}

func (s *server) close() {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = s.live.Close(ctx) // fails for a killed server, whose pool is closed
	_ = s.feeds.Close(ctx)
	s.http.Close()
	s.store.Close()
	s.pool.Close()
}

// kill ends a server as SIGKILL does: after its next heartbeat nothing that it does reaches the database.
func (s *server) kill() {
	s.cluster.t.Helper()
	since := time.Now()
	check.Eventually(s.cluster.t, "the server has written a heartbeat", func() bool { return s.lastBeat().After(since) })
	s.stop()
	s.pool.Close()
	s.end()
}

// lastBeat returns the business time of the server's latest heartbeat.
func (s *server) lastBeat() (at time.Time) {
	s.cluster.t.Helper()
	check.NoError(s.cluster.t, s.cluster.pool.QueryRow(s.cluster.t.Context(), `select said_at from servers where server_id = $1`, s.id).Scan(&at))
	return at
}

// outlastGrace makes a killed server silent for longer than any grace time.
func (s *server) outlastGrace() {
	s.cluster.t.Helper()
	s.cluster.exec(`update servers set last_seen = last_seen - interval '1 day' where server_id = '` + s.id + `'`)
}

// drain ends a server as SIGTERM does.
func (s *server) drain() {
	s.cluster.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	check.NoError(s.cluster.t, s.live.Drain(ctx))
	s.stop()
	check.NoError(s.cluster.t, s.live.Close(ctx))
}

// as connects a user.
func (s *server) as(user string) *realtimetest.Client {
	s.cluster.t.Helper()
	return realtimetest.Connect(s.cluster.t, s.url, realtimetest.Options{Auth: map[string]string{"userId": user}})
}

// plainAs connects a user over the plain WebSocket.
func (s *server) plainAs(user string) *realtimetest.Client {
	s.cluster.t.Helper()
	return realtimetest.Connect(s.cluster.t, s.url, realtimetest.Options{Auth: map[string]string{"userId": user}, Plain: true})
}

// in connects a user and joins the room.
func (s *server) in(user string) *realtimetest.Client {
	s.cluster.t.Helper()
	c := s.as(user)
	c.Must("video:join-room", inRoom)
	c.Expect("video:room-state")
	return c
}

// events returns the study's log, each event as "Type user detail".
func (c *cluster) events() []string {
	c.t.Helper()
	var events []string
	for _, e := range c.recorded() {
		events = append(events, describe(e))
	}
	return events
}

// recorded returns the log of the study "go", in order.
func (c *cluster) recorded() []domain.Event {
	c.t.Helper()
	if c.log == nil {
		store, err := eventstore.Open(c.t.Context(), c.pool, slog.New(slog.DiscardHandler))
		check.NoError(c.t, err)
		c.t.Cleanup(store.Close)
		c.log = store
	}
	recorded, err := c.log.ReadStreamPage(c.t.Context(), eventstore.Stream(study), 0, 10_000)
	check.NoError(c.t, err)
	events := make([]domain.Event, len(recorded))
	for i, r := range recorded {
		events[i], err = r.Event()
		check.NoError(c.t, err)
	}
	return events
}

func describe(e domain.Event) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", e), "domain.")
	switch e := e.(type) {
	case domain.SessionStarted:
		return name + " " + e.StartedBy
	case domain.ParticipantJoined:
		return name + " " + e.UserID
	case domain.ParticipantLeft:
		return name + " " + e.UserID + " " + string(e.Reason)
	case domain.AudioMuted:
		return name + " " + e.UserID
	case domain.AudioUnmuted:
		return name + " " + e.UserID
	case domain.VideoTurnedOff:
		return name + " " + e.UserID
	case domain.VideoTurnedOn:
		return name + " " + e.UserID
	case domain.ScreenShareStarted:
		return name + " " + e.UserID
	case domain.ScreenShareStopped:
		return name + " " + e.UserID
	case domain.SessionEnded:
		return name + " " + string(e.Reason)
	}
	return name
}

// happened waits until the study's log is these events.
func (c *cluster) happened(want ...string) {
	c.t.Helper()
	var got []string
	check.Eventually(c.t, "the log has the expected number of events", func() bool {
		got = c.events()
		return len(got) >= len(want)
	})
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		c.t.Errorf("the log is\n  %s\nand should be\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// count runs a query that returns a number.
func (c *cluster) count(sql string) (n int) {
	c.t.Helper()
	check.NoError(c.t, c.pool.QueryRow(c.t.Context(), sql).Scan(&n))
	return n
}

func refusal(t *testing.T, err error) *realtimetest.ConnectError {
	t.Helper()
	var refused *realtimetest.ConnectError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a refusal", err)
	}
	return refused
}
