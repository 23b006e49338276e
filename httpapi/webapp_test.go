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

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	attendance "github.com/studycall/studycall/presence"
)

// The people of the web app's database, and the path of their study.
const (
	webCalls    = "/api/my-studies/cm3study0000008l5a1b2c3d4/video-call/"
	webOwner    = "cm3owner0000008l5a1b2c3d4"
	webAdmin    = "cm3admin0000008l5a1b2c3d4"
	webMember   = "cm3member000008l5a1b2c3d4"
	webKicked   = "cm3kicked000008l5a1b2c3d4"
	webOutsider = "cm3outside00008l5a1b2c3d4"
	webGone     = "cm3suspended08l5a1b2c3d4e" // suspended
)

// webWorld is the whole program beside a web app, whose database says who is who; cached for 5 s of the world's time. Our
// own tables know nobody of the web app's.
type webWorld struct {
	*world
	app *pgxpool.Pool // as the web app itself uses it
}

func newWebWorld(t *testing.T, address string) *webWorld {
	t.Helper()
	app, err := postgres.Connect(t.Context(), address, postgres.WithMaxConns(2))
	must(t, err)
	t.Cleanup(app.Close)
	for _, name := range []string{"schema.sql", "people.sql"} {
		sql, err := os.ReadFile("../membership/testdata/webapp/" + name)
		must(t, err)
		_, err = app.Exec(t.Context(), string(sql))
		must(t, err)
	}
	source, err := membership.Open(t.Context(), nil, address)
	must(t, err)
	t.Cleanup(source.Close)

	w := &webWorld{app: app}
	settings := membership.DefaultCacheSettings(slog.New(slog.DiscardHandler))
	settings.Now = func() time.Time { return w.time() } // not before w.world is there
	cached, err := membership.NewCached(source, settings)
	must(t, err)
	access := membership.NewAccess(cached)
	pool := postgrestest.New(t)
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(store.Close)
	handlers, err := commands.New(store, access, commands.DefaultSettings(), rand.Text)
	must(t, err)
	w.world = newWorldOver(t, pool, func(c *setup) {
		c.Access, c.Users, c.Commands = access, cached, handlers
		c.Presence = attendance.New(pool, handlers, nil, attendance.Settings{EmptyTimeout: time.Minute, Now: w.time}, c.Log)
	})
	return w
}

func (w *webWorld) ask(user, method, path, body string) answer {
	w.tb.Helper()
	return w.send(user, method, webCalls+path, strings.NewReader(body))
}

func (w *webWorld) changeApp(sql string, args ...any) {
	w.tb.Helper()
	_, err := w.app.Exec(w.tb.Context(), sql, args...)
	must(w.tb, err)
}

// sessionID is the session that an answer to start names.
func sessionID(t *testing.T, started answer) string {
	t.Helper()
	var body struct{ Session struct{ ID string } }
	must(t, json.Unmarshal([]byte(started.body), &body))
	if body.Session.ID == "" {
		t.Fatalf("start: %+v", started)
	}
	return body.Session.ID
}

// doors are the routes that let active members in.
func doors(session string) []struct{ method, path, body string } {
	return []struct{ method, path, body string }{
		{"POST", "start", ""}, {"POST", "join", naming(session)}, {"GET", "status", ""}, {"GET", "sessions/" + session, ""},
		{"GET", "history", ""}, {"GET", "stats?period=all", ""}, {"GET", "stats/users/" + webOwner, ""},
	}
}

// TestTheWebAppsTablesDriveTheService: a call of the web app's study, from its tables alone; and a member who is kicked
// there is out of every door here five seconds later.
func TestTheWebAppsTablesDriveTheService(t *testing.T) {
	t.Parallel()
	w := newWebWorld(t, postgrestest.Empty(t))
	started := w.ask(webOwner, "POST", "start", "")
	if started.status != http.StatusCreated || !strings.Contains(started.body, `"김민수"`) {
		t.Fatalf("start: %+v", started)
	}
	session := sessionID(t, started)
	for _, door := range doors(session) {
		if got := w.ask(webAdmin, door.method, door.path, door.body); got.status >= 300 {
			t.Errorf("%s: %+v", door.path, got)
		}
		refused(t, door.path, http.StatusForbidden, "NOT_STUDY_MEMBER", w.ask(webKicked, door.method, door.path, door.body))
		refused(t, door.path, http.StatusForbidden, "NOT_STUDY_MEMBER", w.ask(webOutsider, door.method, door.path, door.body))
		refused(t, door.path, http.StatusUnauthorized, "AUTH_REQUIRED", w.ask(webGone, door.method, door.path, door.body))
		refused(t, door.path, http.StatusUnauthorized, "AUTH_REQUIRED", w.ask(owner, door.method, door.path, door.body))
	}
	// A picture itself is not shown, though the web app keeps one
	if got := w.ask(webAdmin, "GET", "status", ""); !strings.Contains(got.body, `{"id":"`+webAdmin+`","name":"박지원","avatar":null}`) {
		t.Errorf("status: %+v", got)
	}

	w.changeApp(`UPDATE "StudyMember" SET "status" = 'KICKED' WHERE "userId" = $1`, webAdmin)
	w.pass(4999 * time.Millisecond)
	if got := w.ask(webAdmin, "GET", "status", ""); got.status != http.StatusOK {
		t.Errorf("within the cache time: %+v", got)
	}
	w.pass(time.Millisecond)
	for _, door := range doors(session) {
		refused(t, door.path, http.StatusForbidden, "NOT_STUDY_MEMBER", w.ask(webAdmin, door.method, door.path, door.body))
	}
	if got := w.ask(webAdmin, "POST", "leave", naming(session)); got.status != http.StatusOK {
		t.Errorf("who was kicked leaves: %+v", got)
	}
	// Another is suspended, and one who asked to join is let in
	w.changeApp(`UPDATE "User" SET "status" = 'SUSPENDED' WHERE "id" = $1`, webOwner)
	w.changeApp(`UPDATE "StudyMember" SET "status" = 'ACTIVE' WHERE "userId" = $1`, webKicked)
	w.pass(5 * time.Second)
	refused(t, "suspended", http.StatusUnauthorized, "AUTH_REQUIRED", w.ask(webOwner, "GET", "status", ""))
	if got := w.ask(webKicked, "GET", "history", ""); got.status != http.StatusOK {
		t.Errorf("let in: %+v", got)
	}
}

// TestTheMembershipDatabaseIsAway: whoever was known within the last minute goes on; to others it is a 503, and to nobody
// a 401 or 403; and when it is back, so is everybody.
func TestTheMembershipDatabaseIsAway(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.Cluster(t)
	w := newWebWorld(t, cluster.URL())
	session := sessionID(t, w.ask(webOwner, "POST", "start", ""))
	if got := w.ask(webOwner, "POST", "join", naming(session)); got.status != http.StatusCreated {
		t.Fatalf("join: %+v", got)
	}
	must(t, cluster.Stop(t.Context())) // at once, connections or not
	away := func(user, why string) {
		t.Helper()
		for _, door := range doors(session) {
			got := w.ask(user, door.method, door.path, door.body)
			refused(t, why+": "+door.path, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", got)
			if got.header.Get("Retry-After") == "" {
				t.Errorf("%s: %s: %+v", why, door.path, got.header)
			}
		}
	}
	for range 5 {
		w.pass(10 * time.Second)
		for _, door := range doors(session) {
			if got := w.ask(webOwner, door.method, door.path, door.body); got.status != http.StatusOK {
				t.Errorf("known: %s: %+v", door.path, got)
			}
		}
		away(webMember, "not known")
		away(webKicked, "not known")
		away("nobody", "not known")
	}
	w.pass(10 * time.Second)
	away(webOwner, "known a minute ago")

	must(t, cluster.Start(t.Context()))
	for try := 0; ; try++ { // each connection that died is met once
		w.pass(time.Second)
		got := w.ask(webMember, "GET", "status", "")
		if got.status == http.StatusOK {
			break
		}
		if try > 10 {
			t.Fatalf("back: %+v", got)
		}
	}
	refused(t, "back", http.StatusForbidden, "NOT_STUDY_MEMBER", w.ask(webKicked, "GET", "status", ""))
	refused(t, "back", http.StatusUnauthorized, "AUTH_REQUIRED", w.ask("nobody", "GET", "status", ""))
}

// TestTheMembershipDatabaseSaysNo to a look-up that is right, as while a migration rebuilds a table: as if it were away.
func TestTheMembershipDatabaseSaysNo(t *testing.T) {
	t.Parallel()
	w := newWebWorld(t, postgrestest.Empty(t))
	session := sessionID(t, w.ask(webOwner, "POST", "start", ""))
	if got := w.ask(webOwner, "POST", "join", naming(session)); got.status != http.StatusCreated {
		t.Fatalf("join: %+v", got)
	}
	w.changeApp(`alter table "StudyMember" rename to elsewhere`)
	w.pass(10 * time.Second)
	for _, door := range doors(session) {
		if got := w.ask(webOwner, door.method, door.path, door.body); got.status != http.StatusOK {
			t.Errorf("known: %s: %+v", door.path, got)
		}
		for _, user := range []string{webMember, webKicked} {
			refused(t, door.path, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", w.ask(user, door.method, door.path, door.body))
		}
	}
	if log := w.logged.String(); !strings.Contains(log, `"level":"WARN"`) || !strings.Contains(log, "42P01") || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("logged: %s", log)
	}
	w.changeApp(`alter table elsewhere rename to "StudyMember"`)
	if got := w.ask(webMember, "GET", "status", ""); got.status != http.StatusOK {
		t.Errorf("back: %+v", got)
	}
	refused(t, "back", http.StatusForbidden, "NOT_STUDY_MEMBER", w.ask(webKicked, "GET", "status", ""))
}
