package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/postgres/postgrestest"
)

// studycall runs the program with the arguments until it ends.
func studycall(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestWithJSONLogsTheFinalErrorIsALogLine(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{"serve --listen=foo": exitUsage, "events --database-url=postgres://127.0.0.1:1/d": exitFailure} {
		code, _, stderr := studycall(t, append(strings.Fields(args), "--log-format=json")...)
		var line struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(stderr), &line); err != nil || code != want || line.Level != "ERROR" || line.Msg == "" {
			t.Errorf("%s: exit %d, %q (%v)", args, code, stderr, err)
		}
	}
}

func TestDurationsInJSONAreSeconds(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	logFlags{LogFormat: "json", LogLevel: "info"}.logger(&lines).Info("done", "took", 1500*time.Millisecond)
	var line struct{ Took float64 }
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Took != 1.5 {
		t.Errorf("%s: %v", lines.String(), err)
	}
}

func TestAllSpellingsOfHelpAndVersion(t *testing.T) {
	t.Parallel()
	_, help, _ := studycall(t, "--help")
	_, serveHelp, _ := studycall(t, "serve", "--help")
	_, version, _ := studycall(t, "version")
	for args, want := range map[string]string{"help": help, "help serve": serveHelp, "--version": version, "-V": version} {
		code, stdout, stderr := studycall(t, strings.Fields(args)...)
		if code != exitOK || stdout != want || stdout == "" || stderr != "" {
			t.Errorf("%s: exit %d, %q, %q", args, code, stdout, stderr)
		}
	}
	_, projectionsHelp, _ := studycall(t, "projections", "--help")
	for _, flag := range []string{"--json", "--database-url", "--data-dir"} {
		if !strings.Contains(projectionsHelp, flag) {
			t.Errorf("projections --help lacks %s:\n%s", flag, projectionsHelp)
		}
	}
	_, verifyHelp, _ := studycall(t, "verify", "--help")
	if !strings.Contains(strings.Join(strings.Fields(verifyHelp), " "), "1: they differ") {
		t.Errorf("verify --help lacks the exit codes:\n%s", verifyHelp)
	}
}

func TestHelpShowsEveryFlagsVariable(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"serve", "migrate", "projections", "rebuild", "verify", "events", "seed", "token", "version"} {
		code, stdout, stderr := studycall(t, command, "--help")
		if code != exitOK || stderr != "" {
			t.Errorf("%s --help: exit %d, %q", command, code, stderr)
		}
		flags, variables := strings.Count(stdout, "  --"), strings.Count(stdout, "($") // or several, separated by commas
		if flags == 0 || flags != variables {
			t.Errorf("%s --help shows %d flags and %d variables:\n%s", command, flags, variables, stdout)
		}
	}
	_, stdout, _ := studycall(t, "--help")
	if words := strings.Join(strings.Fields(stdout), " "); !strings.Contains(words, "studycall serve --help") {
		t.Errorf("the help does not mention the service's flags:\n%s", stdout)
	}
}

func TestAPortInUseIsReported(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	code, _, stderr := studycall(t, "--listen", taken.Addr().String(), "--database-url", postgrestest.Empty(t))
	if code != exitFailure || !strings.Contains(stderr, "address already in use") || !strings.Contains(stderr, "--listen") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestAnUnreachableDatabaseIsReported(t *testing.T) {
	t.Parallel()
	code, _, stderr := studycall(t, "events", "--database-url=postgres://nobody:secret@127.0.0.1:1/none")
	if code != exitFailure || !strings.Contains(stderr, "is Postgres running?") || strings.Contains(stderr, "secret") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

// An empty database is migrated and served. The commands for operators work on it during and after serving.
func TestOperatorCommandsOnAServedDatabase(t *testing.T) {
	t.Parallel()
	database := "--database-url=" + postgrestest.Empty(t)
	if code, _, stderr := studycall(t, "projections", database); code != exitFailure || !strings.Contains(stderr, "studycall migrate") {
		t.Errorf("a database without migrations: exit %d, %q", code, stderr)
	}
	if code, stdout, stderr := studycall(t, "migrate", database); code != exitOK || !strings.Contains(stdout, "up to date") {
		t.Errorf("migrate: exit %d, %q, %q", code, stdout, stderr)
	}
	if code, _, stderr := studycall(t, "projections", database); code != exitOK || !strings.Contains(stderr, "no server has run projections") {
		t.Errorf("projections of a new database: exit %d, %q", code, stderr)
	}
	server := startProcess(t, database, "--listen=127.0.0.1:0")
	for _, route := range []string{"/health", "/ready"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.address+route, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := send(newClient(t), request); err != nil || a.Status != http.StatusOK {
			t.Errorf("%s: %d %s (%v)", route, a.Status, a.Raw, err)
		}
	}
	started, err := call(t.Context(), newClient(t), server.address, http.MethodPost, "study-123", "start", "user-456", "")
	if err != nil || started.Status != http.StatusCreated {
		t.Fatalf("start: %d %s (%v)", started.Status, started.Raw, err)
	}

	_, table, _ := studycall(t, "events", database, "--study=study-123")
	if !strings.Contains(table, "SessionStarted") || !strings.Contains(table, started.Body.Session.ID) {
		t.Errorf("events prints %q", table)
	}
	if code, none, stderr := studycall(t, "events", database, "--after=1"); code != exitOK || none != "" || !strings.Contains(stderr, "no such events") {
		t.Errorf("events after the last one: exit %d, %q, %q", code, none, stderr)
	}
	_, line, _ := studycall(t, "events", database, "--json")
	var event map[string]any
	if err := json.Unmarshal([]byte(line), &event); err != nil || event["type"] != "SessionStarted" || event["position"] != 1.0 {
		t.Errorf("events --json prints %q (%v)", line, err)
	}
	if code := server.terminate(t); code != exitOK {
		t.Errorf("exit %d after SIGTERM", code)
	}
	_, table, _ = studycall(t, "projections", database)
	if fields := strings.Fields(table); len(fields) < 2 || fields[0] != "NAME" || !strings.Contains(table, "sessions") {
		t.Errorf("projections prints %q", table)
	}
	_, line, _ = studycall(t, "projections", database, "--json")
	var statuses []struct{ Name, State string }
	if err := json.Unmarshal([]byte(line), &statuses); err != nil || len(statuses) != 4 || statuses[0].State == "stopped" {
		t.Errorf("projections --json prints %q (%v)", line, err)
	}
}

// events --follow prints the recorded events, then new events, until interrupted.
func TestEventsFollowPrintsPastAndNewEvents(t *testing.T) {
	t.Parallel()
	database := "--database-url=" + postgrestest.NewURL(t)
	server := startProcess(t, database, "--listen=127.0.0.1:0")
	client := newClient(t)
	started, err := call(t.Context(), client, server.address, http.MethodPost, "study-123", "start", "user-456", "")
	if err != nil {
		t.Fatal(err)
	}
	following, interrupt := context.WithCancel(t.Context())
	lines := make(lineWriter, 10)
	ended := make(chan int, 1)
	go func() { ended <- run(following, []string{"events", database, "--follow", "--json"}, lines, t.Output()) }()

	if first := <-lines; !strings.Contains(first, "SessionStarted") {
		t.Errorf("the first event is %q", first)
	}
	if _, err := call(t.Context(), client, server.address, http.MethodPost, "study-123", "join", "user-456",
		`{"sessionId":"`+started.Body.Session.ID+`"}`); err != nil {
		t.Fatal(err)
	}
	if second := <-lines; !strings.Contains(second, "ParticipantJoined") {
		t.Errorf("the second event is %q", second)
	}
	interrupt()
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d after an interrupt", code)
	}
}

// A drain logs "stopped" as its last line, and only there.
func TestADrainLogsStoppedLast(t *testing.T) {
	t.Parallel()
	serving, stop := context.WithCancel(t.Context())
	defer stop()
	lines := make(lineWriter, 100)
	go func() {
		if code := run(serving, []string{"--listen=127.0.0.1:0", "--database-url=" + postgrestest.NewURL(t)}, t.Output(), lines); code != exitOK {
			t.Errorf("exit %d", code)
		}
		close(lines)
	}()
	last := ""
	for line := range lines {
		if strings.Contains(line, "studycall is ready") {
			stop()
		}
		if strings.Contains(last, "msg=stopped") {
			t.Errorf("a line follows the last one: %q", line)
		}
		last = line
	}
	if !strings.Contains(last, "msg=stopped") {
		t.Errorf("the last line is %q", last)
	}
}

// lineWriter sends each write to the channel.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}
