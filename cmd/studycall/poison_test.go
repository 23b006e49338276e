package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// clinic is a server one of whose projections cannot fold some events.
type clinic struct {
	t        *testing.T
	pool     *pgxpool.Pool
	database string // its flag
	address  string
	client   *http.Client
	log      *record
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	url := postgrestest.NewURL(t)
	pool, err := postgres.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	c := &clinic{t: t, pool: pool, database: "--database-url=" + url, client: newClient(t), log: &record{}}
	c.address = serveHere(t, c.log, nil, c.database)
	return c
}

func (c *clinic) exec(sql string) {
	c.t.Helper()
	if _, err := c.pool.Exec(c.t.Context(), sql); err != nil {
		c.t.Fatal(err)
	}
}

// ask calls a route of the example study, as its owner, and returns the answer if it is a success.
func (c *clinic) ask(method, route, body string) answer {
	c.t.Helper()
	a, err := call(c.t.Context(), c.client, c.address, method, "study-123", route, "user-456", body)
	if err != nil || a.Status >= http.StatusBadRequest {
		c.t.Fatalf("%s: %d %s (%v)", route, a.Status, a.Raw, err)
	}
	return a
}

// meet holds a session, alone, and returns the position of its end.
func (c *clinic) meet() int64 {
	c.t.Helper()
	started := c.ask(http.MethodPost, "start", "")
	id := `{"sessionId":"` + started.Body.Session.ID + `"}`
	c.ask(http.MethodPost, "join", id)
	return c.ask(http.MethodPost, "leave", id).Position
}

// status is what projections --json says of a projection.
type status struct {
	Name                string
	Position, Head, Lag int64
	State, LastError    string
}

func (c *clinic) statuses() map[string]status {
	c.t.Helper()
	_, stdout, stderr := studycall(c.t, "projections", "--json", c.database)
	var all []status
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		c.t.Fatalf("%q %q: %v", stdout, stderr, err)
	}
	byName := map[string]status{}
	for _, s := range all {
		byName[s.Name] = s
	}
	return byName
}

// get is the text of a route beside the API.
func (c *clinic) get(route string) string {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.address+route, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := c.client.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %d %s (%v)", route, response.StatusCode, text, err)
	}
	return string(text)
}

// TestAPoisonedProjectionStopsAlone: visibly, wherever operators look; the others go on, and so do the calls; and once what
// stopped it is put right, it goes on itself, skipping nothing.
func TestAPoisonedProjectionStopsAlone(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	first := c.meet()
	eventually(t, time.Minute, "all are live", func() bool {
		all := c.statuses()
		return len(all) == 4 && !slices.ContainsFunc([]string{"sessions", "history", "user_stats", "study_stats"},
			func(name string) bool { return all[name].State != "live" || all[name].Position != first })
	})
	if text := c.get("/metrics"); !strings.Contains(text, `studycall_projection_stopped{projection="user_stats"} 0`) {
		t.Errorf("no metric of projections that are not stopped:\n%s", text)
	}

	c.exec(`alter table user_stats.totals add constraint poison check (sessions < 2)`)
	poison := c.meet()
	eventually(t, time.Minute, "it stops", func() bool { return c.statuses()["user_stats"].State == "stopped" })
	head := c.meet()

	c.mustGoOn(head)
	stopped := c.statuses()["user_stats"]
	if stopped.Position != poison-1 || stopped.Head != head || stopped.Lag != head-poison+1 || !strings.Contains(stopped.LastError, `"poison"`) {
		t.Errorf("projections --json shows %+v; the poison is at %d of %d", stopped, poison, head)
	}
	c.mustShow(stopped)
	if code, stdout, stderr := studycall(t, "projections", "retry", "user_stats", c.database); code != exitFailure ||
		!strings.Contains(stderr, fmt.Sprintf(`user_stats stopped again after %d: `, poison-1)) || !strings.Contains(stderr, `"poison"`) {
		t.Errorf("retry, with nothing put right: exit %d, %q, %q", code, stdout, stderr)
	}
	c.mustBeLogged(poison)

	c.exec(`alter table user_stats.totals drop constraint poison`)
	code, stdout, stderr := studycall(t, "projections", "retry", "user_stats", c.database)
	if code != exitOK || !strings.Contains(stdout, "user_stats continues: it is ") {
		t.Errorf("retry, put right: exit %d, %q, %q", code, stdout, stderr)
	}
	eventually(t, time.Minute, "it is live", func() bool {
		s := c.statuses()["user_stats"]
		return s.State == "live" && s.Position == head && s.LastError == ""
	})
	if text := c.get("/metrics"); !strings.Contains(text, `studycall_projection_stopped{projection="user_stats"} 0`) {
		t.Error("the metric still says that it is stopped")
	}
	if stats := c.ask(http.MethodGet, "stats/users/user-456", "").Raw; !strings.Contains(stats, `"totalSessions":3`) {
		t.Errorf("in the end the stats are %s", stats)
	}
	mustVerify(t, c.database)
	if n := strings.Count(c.log.String(), `msg="projection goes on"`); n != 1 {
		t.Errorf("the log says %d times that the projection goes on", n)
	}
	code, stdout, _ = studycall(t, "projections", "retry", "user_stats", c.database)
	if code != exitOK || !strings.Contains(stdout, fmt.Sprintf("user_stats is not stopped: it is live, at %d of %d", head, head)) {
		t.Errorf("retry of what is live: exit %d, %q", code, stdout)
	}
}

// mustGoOn fails unless the other projections hold the whole log, and answer.
func (c *clinic) mustGoOn(head int64) {
	c.t.Helper()
	for _, name := range []string{"sessions", "history", "study_stats"} {
		eventually(c.t, time.Minute, name+" goes on", func() bool {
			s := c.statuses()[name]
			return s.State == "live" && s.Position == head && s.Lag == 0 && s.LastError == ""
		})
	}
	if page := c.ask(http.MethodGet, "history", ""); page.Position != head || !strings.Contains(page.Raw, `"total":3`) {
		c.t.Errorf("history is %s as of %d", page.Raw, page.Position)
	}
	if stats := c.ask(http.MethodGet, "stats?period=all", "").Raw; !strings.Contains(stats, `"totalSessions":3`) {
		c.t.Errorf("the study's stats are %s", stats)
	}
	// What the stopped one answers is old, and says so.
	if stats := c.ask(http.MethodGet, "stats/users/user-456", ""); stats.Position >= head || !strings.Contains(stats.Raw, `"totalSessions":1`) {
		c.t.Errorf("the user's stats are %s as of %d", stats.Raw, stats.Position)
	}
}

// mustShow fails unless a stopped projection is seen in the table of projections, in /ready and in /metrics.
func (c *clinic) mustShow(s status) {
	c.t.Helper()
	_, table, _ := studycall(c.t, "projections", c.database)
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		switch {
		case fields[0] == "NAME":
		case fields[0] == s.Name:
			if want := fmt.Sprintf("1 %d %d %d stopped", s.Position, s.Head, s.Lag); strings.Join(fields[1:6], " ") != want || !strings.Contains(line, s.LastError) {
				c.t.Errorf("the table says %q, want %s", line, want)
			}
		case fields[5] != "live":
			c.t.Errorf("the table says %q", line)
		}
	}
	detail := fmt.Sprintf(`{"name":"%s","version":"1","position":%d,"head":%d,"lag":%d,"state":"stopped"}`, s.Name, s.Position, s.Head, s.Lag)
	if ready := c.get("/ready"); !strings.Contains(ready, detail) || strings.Count(ready, `"state":"live"`) != 3 || strings.Contains(ready, "poison") {
		c.t.Errorf("/ready has %s, want %s, and not why", ready, detail)
	}
	metrics := c.get("/metrics")
	for _, want := range []string{
		`studycall_projection_stopped{projection="user_stats"} 1`, `studycall_projection_stopped{projection="sessions"} 0`,
		fmt.Sprintf(`studycall_projection_lag_events{projection="user_stats"} %d`, s.Lag), `studycall_projection_lag_events{projection="history"} 0`,
		fmt.Sprintf(`studycall_projection_position{projection="user_stats"} %d`, s.Position), fmt.Sprintf("studycall_log_head %d", s.Head),
	} {
		if !strings.Contains(metrics, want+"\n") {
			c.t.Errorf("/metrics has no %s", want)
		}
	}
}

// mustBeLogged fails unless the log says, as an error, that the projection stopped: once, though it was tried again and again.
func (c *clinic) mustBeLogged(poison int64) {
	c.t.Helper()
	const stopped = `msg="projection stopped at an event that it cannot fold"`
	eventually(c.t, time.Minute, "it is tried again and again", func() bool { return strings.Count(c.log.String(), stopped) > 3 })
	told := 0
	for line := range strings.Lines(c.log.String()) {
		if strings.Contains(line, stopped) && strings.Contains(line, "level=ERROR") {
			told++
			if !strings.Contains(line, "projection=user_stats/1") || !strings.Contains(line, fmt.Sprintf("after=%d ", poison-1)) || !strings.Contains(line, "poison") {
				c.t.Errorf("the log says %q", line)
			}
		}
	}
	if told != 1 {
		c.t.Errorf("the log says %d times that the projection stopped", told)
	}
}
