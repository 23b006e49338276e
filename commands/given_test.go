package commands_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// access is the only fake of these tests.
type access func(studyID, userID string) error

func (a access) ActiveMember(_ context.Context, studyID, userID string) error {
	return a(studyID, userID)
}

// members accepts every user except those whose id begins with stranger.
func members(_, userID string) error {
	if strings.HasPrefix(userID, "stranger") {
		return domain.ErrNotStudyMember
	}
	return nil
}

// server is one of several servers on a database: it has a store, handlers and a pool of its own.
type server struct {
	*commands.Handlers
	store *eventstore.Store
	pool  *pgxpool.Pool
}

func newServer(t *testing.T) server {
	t.Helper()
	return newServerOn(t, postgrestest.NewURL(t))
}

// newServerOn starts one more server on a database.
func newServerOn(t *testing.T, url string) server {
	t.Helper()
	pool, err := postgres.Connect(t.Context(), url, postgres.WithMaxConns(10))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return server{newHandlers(t, store, commands.DefaultSettings(), rand.Text), store, pool}
}

// another starts one more server on the same database.
func (s server) another(t *testing.T) server {
	t.Helper()
	return newServerOn(t, s.pool.Config().ConnString())
}

// with returns the same server with new handlers, whose cache is empty.
func (s server) with(t *testing.T, settings commands.Settings, newID func() string) server {
	t.Helper()
	s.Handlers = newHandlers(t, s.store, settings, newID)
	return s
}

func newHandlers(t *testing.T, store *eventstore.Store, settings commands.Settings, newID func() string) *commands.Handlers {
	t.Helper()
	handlers, err := commands.New(store, access(members), settings, newID)
	if err != nil {
		t.Fatal(err)
	}
	return handlers
}

var noon = time.Date(2025, 11, 19, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

func (s server) start(t *testing.T, study, user string, seconds int) (commands.Started, error) {
	t.Helper()
	return s.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: user, At: at(seconds)})
}

func (s server) join(t *testing.T, study, session, user string, seconds int) (commands.Joined, error) {
	t.Helper()
	return s.JoinSession(t.Context(), commands.JoinSession{StudyID: study, SessionID: session, UserID: user, At: at(seconds)})
}

func (s server) leave(t *testing.T, study, session, user string, seconds int) (int64, error) {
	t.Helper()
	return s.LeaveSession(t.Context(), study, domain.LeaveSession{
		SessionID: session, UserID: user, Reason: domain.Left, At: at(seconds),
	})
}

func (s server) mute(t *testing.T, session, user string, seconds int) (int64, error) {
	t.Helper()
	return s.SetToggle(t.Context(), "go", domain.SetToggle{
		SessionID: session, UserID: user, Toggle: domain.Muted, On: true, At: at(seconds),
	})
}

func (s server) mustStart(t *testing.T, study, user string, seconds int) commands.Started {
	t.Helper()
	started, err := s.start(t, study, user, seconds)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return started
}

func (s server) mustJoin(t *testing.T, study, session, user string, seconds int) commands.Joined {
	t.Helper()
	joined, err := s.join(t, study, session, user, seconds)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	return joined
}

func (s server) mustLeave(t *testing.T, study, session, user string, seconds int) int64 {
	t.Helper()
	position, err := s.leave(t, study, session, user, seconds)
	if err != nil {
		t.Fatalf("leave: %v", err)
	}
	return position
}

// endedSession makes a session of the study that has ended: kim was in it from second 1 to second 4. It appends four events.
func (s server) endedSession(t *testing.T, study string) (session string) {
	t.Helper()
	session = s.mustStart(t, study, "kim", 0).SessionID
	s.mustJoin(t, study, session, "kim", 1)
	s.mustLeave(t, study, session, "kim", 4)
	return session
}

// log reads all events.
func (s server) log(t *testing.T) []eventstore.Recorded {
	t.Helper()
	var all []eventstore.Recorded
	for {
		page, err := s.store.ReadAll(t.Context(), int64(len(all)), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page...); len(page) < 1000 {
			return all
		}
	}
}

// wantEvents fails the test unless the log has exactly these events, given as "study type user" or "study type reason".
func (s server) wantEvents(t *testing.T, want ...string) {
	t.Helper()
	got := []string{}
	for _, r := range s.log(t) {
		event, err := r.Event()
		if err != nil {
			t.Fatal(err)
		}
		subject := ""
		switch e := event.(type) {
		case domain.SessionStarted:
			subject = e.StartedBy
		case domain.ParticipantJoined:
			subject = e.UserID
		case domain.ParticipantLeft:
			subject = e.UserID
		case domain.AudioMuted:
			subject = e.UserID
		case domain.AudioUnmuted:
			subject = e.UserID
		case domain.SessionEnded:
			subject = string(e.Reason)
		}
		got = append(got, strings.TrimSpace(r.Study()+" "+r.Type+" "+subject))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got events\n%q, want\n%q", got, want)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// counted returns a source of ids with a prefix, the same in every run.
func counted(prefix string) func() string {
	n := 0
	return func() string {
		n++
		return prefix + strconv.Itoa(n)
	}
}

// holdAppends holds the lock that every append takes, until release.
func (s server) holdAppends(t *testing.T) (release func()) {
	t.Helper()
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `select from log_head for update`); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = tx.Rollback(context.Background()) })
	t.Cleanup(release)
	return release
}

// waitForAppend waits until an append waits for the lock.
func (s server) waitForAppend(t *testing.T) {
	t.Helper()
	check.Eventually(t, "an append waits for the lock", func() bool {
		var waiting bool
		if err := s.pool.QueryRow(t.Context(), `select exists (select from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock')`).Scan(&waiting); err != nil {
			t.Error(err)
		}
		return waiting
	})
}

// inParallel runs do n times concurrently and waits for all calls.
func inParallel(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}
