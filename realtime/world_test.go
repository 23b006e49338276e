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
	// grace lapses in no test; brief is for tests that wait for it, and inTime for those in which some are back before.
	grace  = time.Hour
	brief  = 500 * time.Millisecond
	inTime = 5 * time.Second

	recheck  = 50 * time.Millisecond
	patience = realtimetest.Patience
)

// world is a database with two studies, "go" and "rust", whose members are kim, lee, park and choi, and u0 to u39; and a
// user who is a stranger to both.
type world struct {
	t    *testing.T
	url  string
	pool *pgxpool.Pool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, postgrestest.NewURL(t))
}

func newWorldOn(t *testing.T, url string) *world {
	t.Helper()
	pool, err := postgres.Connect(t.Context(), url, postgres.WithMaxConns(4))
	must(t, err)
	t.Cleanup(pool.Close)
	w := &world{t, url, pool}
	w.exec(`insert into studies (id, name) values ('go', 'Go'), ('rust', 'Rust')`)
	w.exec(`insert into users (id, name, email, avatar, status)
		values ('kim', '김철수 🦊', 'kim@example.com', 'https://example.com/kim.png', 'ACTIVE'), ('lee', '이영희', 'lee@example.com', null, 'ACTIVE'),
			('park', '박민수', 'park@example.com', null, 'ACTIVE'), ('choi', '최지우', 'choi@example.com', null, 'ACTIVE'),
			('stranger', '정수빈', 'jung@example.com', null, 'ACTIVE'), ('frozen', '한겨울', 'han@example.com', null, 'SUSPENDED')`)
	w.exec(`insert into users (id, name, email) select 'u' || n, 'User ' || n, 'u' || n || '@example.com' from generate_series(0, 39) n`)
	w.exec(`insert into study_members (study_id, user_id, role, status)
		select s.id, u.id, 'MEMBER', 'ACTIVE' from studies s, users u where u.id not in ('stranger', 'frozen')`)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) exec(sql string) {
	w.t.Helper()
	_, err := w.pool.Exec(w.t.Context(), sql)
	must(w.t, err)
}

// node is one server, with all that it stands on.
type node struct {
	world    *world
	id       string
	live     *realtime.Server
	feeds    *feed.Feeds
	present  *presence.Registry
	commands *commands.Handlers
	pool     *pgxpool.Pool
	store    *eventstore.Store
	http     *httptest.Server
	url      string
	stop     func() // ends what runs
	end      func() // lets go of everything, however the server was stopped
}

// tune changes how a server is made.
type tune func(*realtime.Config, *presence.Settings, *commands.Settings)

// graceOf has a server give people another grace.
func graceOf(d time.Duration) tune {
	return func(_ *realtime.Config, p *presence.Settings, _ *commands.Settings) { p.Grace = d }
}

// server starts a server on the database. It ends with the test.
func (w *world) server(tunes ...tune) *node {
	w.t.Helper()
	t := w.t
	pool, err := postgres.Connect(t.Context(), w.url, postgres.WithMaxConns(16))
	must(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := eventstore.Open(t.Context(), pool, log)
	must(t, err)
	all := []projections.Projection{projections.Sessions{}}
	must(t, projections.NewRebuilder(pool, store, log, func(int64, int64) {}).Prepare(t.Context(), all...))
	cached := membership.DefaultCacheSettings(log)
	cached.Fresh = 100 * time.Millisecond
	members, err := membership.NewCached(membership.NewTables(pool), cached)
	must(t, err)
	access := membership.NewAccess(members)
	rules := commands.DefaultSettings()
	settings := presence.Settings{
		ServerID: rand.Text(), Grace: grace, EmptyTimeout: time.Hour, Beat: 50 * time.Millisecond, Now: time.Now,
	}
	config := realtime.Config{
		Access: access, Recheck: membership.NewAccess(members.Younger(recheck)), Users: members, Authenticator: auth.Dev{}, Broker: realtime.LocalOnly{},
		Now: time.Now, NewID: rand.Text, RecheckInterval: recheck, Rates: realtime.DefaultRates(), Log: log,
	}
	for _, change := range tunes {
		change(&config, &settings, &rules)
	}
	n := &node{world: w, id: settings.ServerID, pool: pool, store: store}
	n.commands, err = commands.New(store, access, rules, rand.Text)
	must(t, err)
	sessions := projections.NewSessionQueries(pool, store)
	sessions.FreshWithin = time.Minute
	n.present = presence.New(pool, n.commands, sessions, settings, log)
	config.Commands, config.Calls, config.Presence = n.commands, sessions, n.present
	n.live = realtime.New(config)
	n.feeds = feed.New(feed.Config{Log: store, Observe: n.live.Observe, Logger: log})
	edge := httpapi.New(httpapi.Config{Authenticator: config.Authenticator, Security: httpapi.Security{Origins: config.Origins}, Now: config.Now, Log: log})
	edge.Open(httpapi.Services{Access: access, Sockets: n.live, Feeds: n.feeds})
	n.http = httptest.NewServer(edge)
	n.url = n.http.URL

	running, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { n.live.Run(running) })
	loops.Go(func() { n.feeds.Run(running) })
	loops.Go(func() {
		if err := projections.NewRunner(store, log, all...).Run(running); err != nil && running.Err() == nil {
			t.Errorf("the projections ended with %v", err)
		}
	})
	n.stop = sync.OnceFunc(func() { stop(); loops.Wait() })
	n.end = sync.OnceFunc(n.letGo)
	t.Cleanup(n.end)
	return n
}

func (n *node) letGo() {
	n.stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = n.live.Close(ctx) // of a killed server, the database is gone
	_ = n.feeds.Close(ctx)
	n.http.Close()
	n.store.Close()
	n.pool.Close()
}

// kill has the server vanish, once it has said that it lives after all that was done: nothing that it would do about it reaches
// the database.
func (n *node) kill() {
	n.world.t.Helper()
	since := time.Now()
	n.world.eventually("the server says that it lives", func() bool { return n.said().After(since) })
	n.stop()
	n.pool.Close()
	n.end()
}

// said is when the server last said that it lives.
func (n *node) said() (at time.Time) {
	n.world.t.Helper()
	must(n.world.t, n.world.pool.QueryRow(n.world.t.Context(), `select said_at from servers where server_id = $1`, n.id).Scan(&at))
	return at
}

// outlastGrace has a killed server be silent for longer than any grace.
func (n *node) outlastGrace() {
	n.world.t.Helper()
	n.world.exec(`update servers set last_seen = last_seen - interval '1 day' where server_id = '` + n.id + `'`)
}

// drain is what SIGTERM does.
func (n *node) drain() {
	n.world.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(n.world.t, n.live.Drain(ctx))
	n.stop()
	must(n.world.t, n.live.Close(ctx))
}

// as connects a user.
func (n *node) as(user string) *realtimetest.Client {
	n.world.t.Helper()
	return realtimetest.Connect(n.world.t, n.url, realtimetest.Options{Auth: map[string]string{"userId": user}})
}

// plainAs connects a user over the plain WebSocket.
func (n *node) plainAs(user string) *realtimetest.Client {
	n.world.t.Helper()
	return realtimetest.Connect(n.world.t, n.url, realtimetest.Options{Auth: map[string]string{"userId": user}, Plain: true})
}

// in connects a user and joins the room.
func (n *node) in(user string) *realtimetest.Client {
	n.world.t.Helper()
	c := n.as(user)
	c.Must("video:join-room", inRoom)
	c.Expect("video:room-state")
	return c
}

// events is the study's log, each event as "Type user detail".
func (w *world) events() []string {
	w.t.Helper()
	var told []string
	for _, e := range w.recorded() {
		told = append(told, describe(e))
	}
	return told
}

// recorded is the log of the study "go", in order.
func (w *world) recorded() []domain.Event {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	store, err := eventstore.Open(w.t.Context(), w.pool, log)
	must(w.t, err)
	defer store.Close()
	recorded, err := store.ReadStreamPage(w.t.Context(), eventstore.Stream(study), 0, 10_000)
	must(w.t, err)
	events := make([]domain.Event, len(recorded))
	for i, r := range recorded {
		events[i], err = r.Event()
		must(w.t, err)
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
func (w *world) happened(want ...string) {
	w.t.Helper()
	var got []string
	w.eventually("the log is as it should be", func() bool {
		got = w.events()
		return len(got) >= len(want)
	})
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.t.Errorf("the log is\n  %s\nand should be\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// eventually waits for a condition, which it looks at every few milliseconds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// count is a query's number.
func (w *world) count(sql string) (n int) {
	w.t.Helper()
	must(w.t, w.pool.QueryRow(w.t.Context(), sql).Scan(&n))
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
