package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// projectionServer is a server with commands that inspect its projections.
type projectionServer struct {
	t        *testing.T
	pool     *pgxpool.Pool
	database string // the flag
	address  string
	client   *http.Client
	log      *record
}

func newProjectionServer(t *testing.T) *projectionServer {
	t.Helper()
	url := postgrestest.NewURL(t)
	pool := openPool(t, url)
	c := &projectionServer{t: t, pool: pool, database: "--database-url=" + url, client: newClient(t), log: &record{}}
	c.address = serveInProcess(t, c.log, nil, c.database)
	return c
}

func (c *projectionServer) exec(sql string) {
	c.t.Helper()
	if _, err := c.pool.Exec(c.t.Context(), sql); err != nil {
		c.t.Fatal(err)
	}
}

// ask calls a route of the example study as its owner. Only a success is accepted.
func (c *projectionServer) ask(method, route, body string) answer {
	c.t.Helper()
	a, err := call(c.t.Context(), c.client, c.address, method, "study-123", route, "user-456", body)
	if err != nil || a.Status >= http.StatusBadRequest {
		c.t.Fatalf("%s: %d %s (%v)", route, a.Status, a.Raw, err)
	}
	return a
}

// runSession starts, joins and leaves a session, and returns the position of its end.
func (c *projectionServer) runSession() int64 {
	c.t.Helper()
	started := c.ask(http.MethodPost, "start", "")
	id := `{"sessionId":"` + started.Body.Session.ID + `"}`
	c.ask(http.MethodPost, "join", id)
	return c.ask(http.MethodPost, "leave", id).Position
}

// status is a projection in the output of projections --json.
type status struct {
	Name                string
	Position, Head, Lag int64
	State, LastError    string
}

func (c *projectionServer) statuses() map[string]status {
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

// get returns the body of a route outside the API.
func (c *projectionServer) get(route string) string {
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

// A projection that cannot fold an event stops, and the table of projections, /ready, /metrics and the log show it. The other
// projections and the calls continue. After the cause is fixed, the projection continues without skipping an event.
func TestAProjectionThatCannotFoldAnEventStopsAlone(t *testing.T) {
	t.Parallel()
	skipInShort(t, "5 s")
	c := newProjectionServer(t)
	first := c.runSession()
	check.Eventually(t, "all projections are live", func() bool {
		all := c.statuses()
		return len(all) == 4 && !slices.ContainsFunc([]string{"sessions", "history", "user_stats", "study_stats"},
			func(name string) bool { return all[name].State != "live" || all[name].Position != first })
	})
	if text := c.get("/metrics"); !strings.Contains(text, `studycall_projection_stopped{projection="user_stats"} 0`) {
		t.Errorf("no metric of a projection that is not stopped:\n%s", text)
	}

	c.exec(`alter table user_stats.totals add constraint poison check (sessions < 2)`)
	poison := c.runSession()
	check.Eventually(t, "the projection stops", func() bool { return c.statuses()["user_stats"].State == "stopped" })
	head := c.runSession()

	c.othersMustContinue(head)
	stopped := c.statuses()["user_stats"]
	if stopped.Position != poison-1 || stopped.Head != head || stopped.Lag != head-poison+1 || !strings.Contains(stopped.LastError, `"poison"`) {
		t.Errorf("projections --json shows %+v; the poison is at %d of %d", stopped, poison, head)
	}
	c.mustShow(stopped)
	if code, stdout, stderr := studycall(t, "projections", "retry", "user_stats", c.database); code != exitFailure ||
		!strings.Contains(stderr, fmt.Sprintf(`user_stats stopped again after %d: `, poison-1)) || !strings.Contains(stderr, `"poison"`) {
		t.Errorf("retry before the fix: exit %d, %q, %q", code, stdout, stderr)
	}
	c.mustBeLogged(poison)

	c.exec(`alter table user_stats.totals drop constraint poison`)
	code, stdout, stderr := studycall(t, "projections", "retry", "user_stats", c.database)
	if code != exitOK || !strings.Contains(stdout, "user_stats continues: it is ") {
		t.Errorf("retry after the fix: exit %d, %q, %q", code, stdout, stderr)
	}
	check.Eventually(t, "the projection is live", func() bool {
		s := c.statuses()["user_stats"]
		return s.State == "live" && s.Position == head && s.LastError == ""
	})
	if text := c.get("/metrics"); !strings.Contains(text, `studycall_projection_stopped{projection="user_stats"} 0`) {
		t.Error("the metric is still that of a stopped projection")
	}
	if stats := c.ask(http.MethodGet, "stats/users/user-456", "").Raw; !strings.Contains(stats, `"totalSessions":3`) {
		t.Errorf("at the end the stats are %s", stats)
	}
	mustVerify(t, c.database)
	if n := strings.Count(c.log.String(), `msg="projection continues"`); n != 1 {
		t.Errorf("the log reports %d times that the projection continues", n)
	}
	code, stdout, _ = studycall(t, "projections", "retry", "user_stats", c.database)
	if code != exitOK || !strings.Contains(stdout, fmt.Sprintf("user_stats is not stopped: it is live, at %d of %d", head, head)) {
		t.Errorf("retry of a live projection: exit %d, %q", code, stdout)
	}
}

// othersMustContinue fails the test unless the other projections have folded the whole log, and answer.
func (c *projectionServer) othersMustContinue(head int64) {
	c.t.Helper()
	for _, name := range []string{"sessions", "history", "study_stats"} {
		check.Eventually(c.t, name+" continues", func() bool {
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
	// The stopped projection answers with old data and the position of that data.
	if stats := c.ask(http.MethodGet, "stats/users/user-456", ""); stats.Position >= head || !strings.Contains(stats.Raw, `"totalSessions":1`) {
		c.t.Errorf("the user's stats are %s as of %d", stats.Raw, stats.Position)
	}
}

// mustShow fails the test unless the table of projections, /ready and /metrics show the stopped projection.
func (c *projectionServer) mustShow(s status) {
	c.t.Helper()
	_, table, _ := studycall(c.t, "projections", c.database)
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		switch {
		case fields[0] == "NAME":
		case fields[0] == s.Name:
			if want := fmt.Sprintf("1 %d %d %d stopped", s.Position, s.Head, s.Lag); strings.Join(fields[1:6], " ") != want || !strings.Contains(line, s.LastError) {
				c.t.Errorf("the table has %q, want %s", line, want)
			}
		case fields[5] != "live":
			c.t.Errorf("the table has %q", line)
		}
	}
	detail := fmt.Sprintf(`{"name":"%s","version":"1","position":%d,"head":%d,"lag":%d,"state":"stopped"}`, s.Name, s.Position, s.Head, s.Lag)
	if ready := c.get("/ready"); !strings.Contains(ready, detail) || strings.Count(ready, `"state":"live"`) != 3 || strings.Contains(ready, "poison") {
		c.t.Errorf("/ready has %s, want %s without the cause", ready, detail)
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

// mustBeLogged fails the test unless the log has the stop as one error, although the projection retries many times.
func (c *projectionServer) mustBeLogged(poison int64) {
	c.t.Helper()
	const stopped = `msg="projection stopped at an event that it cannot fold"`
	check.Eventually(c.t, "the projection has retried several times", func() bool { return strings.Count(c.log.String(), stopped) > 3 })
	errors := 0
	for line := range strings.Lines(c.log.String()) {
		if strings.Contains(line, stopped) && strings.Contains(line, "level=ERROR") {
			errors++
			if !strings.Contains(line, "projection=user_stats/1") || !strings.Contains(line, fmt.Sprintf("after=%d ", poison-1)) || !strings.Contains(line, "poison") {
				c.t.Errorf("the log has %q", line)
			}
		}
	}
	if errors != 1 {
		c.t.Errorf("the log has the stop %d times as an error", errors)
	}
}
