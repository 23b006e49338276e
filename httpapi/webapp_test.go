package httpapi_test

import (
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/presence"
)

// The users of the web app's database, and the path of their study.
const (
	webCalls    = "/api/my-studies/cm3study0000008l5a1b2c3d4/video-call/"
	webOwner    = "cm3owner0000008l5a1b2c3d4"
	webAdmin    = "cm3admin0000008l5a1b2c3d4"
	webMember   = "cm3member000008l5a1b2c3d4"
	webKicked   = "cm3kicked000008l5a1b2c3d4"
	webOutsider = "cm3outside00008l5a1b2c3d4"
	webGone     = "cm3suspended08l5a1b2c3d4e" // suspended
)

// webAppServer is a server whose members are in a web app's database. Lookups are cached for 5 s of the server's clock. The
// server's own tables do not have the web app's users.
type webAppServer struct {
	*server
	app *pgxpool.Pool // as the web app itself uses it
}

func newWebAppServer(t *testing.T, address string) *webAppServer {
	t.Helper()
	app, err := postgres.Connect(t.Context(), address, postgres.WithMaxConns(2))
	check.NoError(t, err)
	t.Cleanup(app.Close)
	for _, name := range []string{"schema.sql", "people.sql"} {
		sql, err := os.ReadFile("../membership/testdata/webapp/" + name)
		check.NoError(t, err)
		_, err = app.Exec(t.Context(), string(sql))
		check.NoError(t, err)
	}
	source, err := membership.Open(t.Context(), nil, address)
	check.NoError(t, err)
	t.Cleanup(source.Close)

	s := &webAppServer{app: app}
	settings := membership.DefaultCacheSettings(slog.New(slog.DiscardHandler))
	settings.Now = func() time.Time { return s.time() } // called after s.server is set
	cached, err := membership.NewCached(source, settings)
	check.NoError(t, err)
	access := membership.NewAccess(cached)
	pool := postgrestest.New(t)
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.DiscardHandler))
	check.NoError(t, err)
	t.Cleanup(store.Close)
	handlers, err := commands.New(store, access, commands.DefaultSettings(), rand.Text)
	check.NoError(t, err)
	s.server = newServerOver(t, pool, func(c *setup) {
		c.Access, c.Users, c.Commands = access, cached, handlers
		c.Presence = presence.New(pool, handlers, nil, presence.Settings{EmptyTimeout: time.Minute, Now: s.time}, c.Log)
	})
	return s
}

func (s *webAppServer) ask(user, method, path, body string) answer {
	s.tb.Helper()
	return s.send(user, method, webCalls+path, strings.NewReader(body))
}

func (s *webAppServer) changeApp(sql string, args ...any) {
	s.tb.Helper()
	_, err := s.app.Exec(s.tb.Context(), sql, args...)
	check.NoError(s.tb, err)
}

// sessionID returns the session id in an answer to start.
func sessionID(t *testing.T, started answer) string {
	t.Helper()
	var body struct{ Session struct{ ID string } }
	check.NoError(t, json.Unmarshal([]byte(started.body), &body))
	if body.Session.ID == "" {
		t.Fatalf("start: %+v", started)
	}
	return body.Session.ID
}

// doors are the routes for active members.
func doors(session string) []struct{ method, path, body string } {
	return []struct{ method, path, body string }{
		{"POST", "start", ""}, {"POST", "join", naming(session)}, {"GET", "status", ""}, {"GET", "sessions/" + session, ""},
		{"GET", "history", ""}, {"GET", "stats?period=all", ""}, {"GET", "stats/users/" + webOwner, ""},
	}
}

// The web app's tables alone decide who is in a study. Five seconds after a member is kicked there, every route refuses the user.
func TestMembersComeFromTheWebAppsTables(t *testing.T) {
	t.Parallel()
	s := newWebAppServer(t, postgrestest.Empty(t))
	started := s.ask(webOwner, "POST", "start", "")
	if started.status != http.StatusCreated || !strings.Contains(started.body, `"김민수"`) {
		t.Fatalf("start: %+v", started)
	}
	session := sessionID(t, started)
	for _, door := range doors(session) {
		if got := s.ask(webAdmin, door.method, door.path, door.body); got.status >= 300 {
			t.Errorf("%s: %+v", door.path, got)
		}
		refused(t, door.path, http.StatusForbidden, "NOT_STUDY_MEMBER", s.ask(webKicked, door.method, door.path, door.body))
		refused(t, door.path, http.StatusForbidden, "NOT_STUDY_MEMBER", s.ask(webOutsider, door.method, door.path, door.body))
		refused(t, door.path, http.StatusUnauthorized, "AUTH_REQUIRED", s.ask(webGone, door.method, door.path, door.body))
		refused(t, door.path, http.StatusUnauthorized, "AUTH_REQUIRED", s.ask(owner, door.method, door.path, door.body))
	}
	// The web app stores a picture as a data: URL, which is not shown.
	if got := s.ask(webAdmin, "GET", "status", ""); !strings.Contains(got.body, `{"id":"`+webAdmin+`","name":"박지원","avatar":null}`) {
		t.Errorf("status: %+v", got)
	}

	s.changeApp(`UPDATE "StudyMember" SET "status" = 'KICKED' WHERE "userId" = $1`, webAdmin)
	s.pass(4999 * time.Millisecond)
	if got := s.ask(webAdmin, "GET", "status", ""); got.status != http.StatusOK {
		t.Errorf("within the cache time: %+v", got)
	}
	s.pass(time.Millisecond)
	for _, door := range doors(session) {
		refused(t, door.path, http.StatusForbidden, "NOT_STUDY_MEMBER", s.ask(webAdmin, door.method, door.path, door.body))
	}
	if got := s.ask(webAdmin, "POST", "leave", naming(session)); got.status != http.StatusOK {
		t.Errorf("a kicked user leaves: %+v", got)
	}
	// A suspended account is refused, and a user who has become a member is admitted.
	s.changeApp(`UPDATE "User" SET "status" = 'SUSPENDED' WHERE "id" = $1`, webOwner)
	s.changeApp(`UPDATE "StudyMember" SET "status" = 'ACTIVE' WHERE "userId" = $1`, webKicked)
	s.pass(5 * time.Second)
	refused(t, "suspended", http.StatusUnauthorized, "AUTH_REQUIRED", s.ask(webOwner, "GET", "status", ""))
	if got := s.ask(webKicked, "GET", "history", ""); got.status != http.StatusOK {
		t.Errorf("admitted: %+v", got)
	}
}

// Users who were looked up within the last minute are still served. All others get 503, and nobody gets 401 or 403. When the
// database is back, everybody is served.
func TestTheMembershipDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: starts a Postgres of its own, which takes 10 s")
	}
	cluster := postgrestest.Cluster(t)
	s := newWebAppServer(t, cluster.URL())
	session := sessionID(t, s.ask(webOwner, "POST", "start", ""))
	if got := s.ask(webOwner, "POST", "join", naming(session)); got.status != http.StatusCreated {
		t.Fatalf("join: %+v", got)
	}
	check.NoError(t, cluster.Stop(t.Context())) // at once, connections or not
	unavailable := func(user, why string) {
		t.Helper()
		for _, door := range doors(session) {
			got := s.ask(user, door.method, door.path, door.body)
			refused(t, why+": "+door.path, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", got)
			if got.header.Get("Retry-After") == "" {
				t.Errorf("%s: %s: %+v", why, door.path, got.header)
			}
		}
	}
	for range 5 {
		s.pass(10 * time.Second)
		for _, door := range doors(session) {
			if got := s.ask(webOwner, door.method, door.path, door.body); got.status != http.StatusOK {
				t.Errorf("known: %s: %+v", door.path, got)
			}
		}
		unavailable(webMember, "not known")
		unavailable(webKicked, "not known")
		unavailable("nobody", "not known")
	}
	s.pass(10 * time.Second)
	unavailable(webOwner, "known a minute ago")

	check.NoError(t, cluster.Start(t.Context()))
	for try := 0; ; try++ { // each connection that died is met once
		s.pass(time.Second)
		got := s.ask(webMember, "GET", "status", "")
		if got.status == http.StatusOK {
			break
		}
		if try > 10 {
			t.Fatalf("back: %+v", got)
		}
	}
	refused(t, "back", http.StatusForbidden, "NOT_STUDY_MEMBER", s.ask(webKicked, "GET", "status", ""))
	refused(t, "back", http.StatusUnauthorized, "AUTH_REQUIRED", s.ask("nobody", "GET", "status", ""))
}

// A database that refuses a correct lookup, as during a migration that rebuilds a table, counts as unavailable.
func TestTheMembershipDatabaseRefusesALookup(t *testing.T) {
	t.Parallel()
	s := newWebAppServer(t, postgrestest.Empty(t))
	session := sessionID(t, s.ask(webOwner, "POST", "start", ""))
	if got := s.ask(webOwner, "POST", "join", naming(session)); got.status != http.StatusCreated {
		t.Fatalf("join: %+v", got)
	}
	s.changeApp(`alter table "StudyMember" rename to renamed`)
	s.pass(10 * time.Second)
	for _, door := range doors(session) {
		if got := s.ask(webOwner, door.method, door.path, door.body); got.status != http.StatusOK {
			t.Errorf("known: %s: %+v", door.path, got)
		}
		for _, user := range []string{webMember, webKicked} {
			refused(t, door.path, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", s.ask(user, door.method, door.path, door.body))
		}
	}
	if log := s.logged.String(); !strings.Contains(log, `"level":"WARN"`) || !strings.Contains(log, "42P01") || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("logged: %s", log)
	}
	s.changeApp(`alter table renamed rename to "StudyMember"`)
	if got := s.ask(webMember, "GET", "status", ""); got.status != http.StatusOK {
		t.Errorf("back: %+v", got)
	}
	refused(t, "back", http.StatusForbidden, "NOT_STUDY_MEMBER", s.ask(webKicked, "GET", "status", ""))
}
