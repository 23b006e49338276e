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

func TestTheLastErrorIsALogLineWhereLogsAreJSON(t *testing.T) {
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

func TestHelpAndVersionAreFoundWhereOneLooks(t *testing.T) {
	t.Parallel()
	_, help, _ := studycall(t, "--help")
	_, ofServe, _ := studycall(t, "serve", "--help")
	_, version, _ := studycall(t, "version")
	for args, want := range map[string]string{"help": help, "help serve": ofServe, "--version": version, "-V": version} {
		code, stdout, stderr := studycall(t, strings.Fields(args)...)
		if code != exitOK || stdout != want || stdout == "" || stderr != "" {
			t.Errorf("%s: exit %d, %q, %q", args, code, stdout, stderr)
		}
	}
	_, ofProjections, _ := studycall(t, "projections", "--help")
	for _, flag := range []string{"--json", "--database-url", "--data-dir"} {
		if !strings.Contains(ofProjections, flag) {
			t.Errorf("projections --help lacks %s:\n%s", flag, ofProjections)
		}
	}
	_, ofVerify, _ := studycall(t, "verify", "--help")
	if !strings.Contains(strings.Join(strings.Fields(ofVerify), " "), "1: they differ") {
		t.Errorf("verify --help does not tell its exit codes:\n%s", ofVerify)
	}
}

func TestHelpShowsEveryFlagsVariable(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"serve", "migrate", "projections", "rebuild", "verify", "events", "seed", "token", "version"} {
		code, stdout, stderr := studycall(t, command, "--help")
		if code != exitOK || stderr != "" {
			t.Errorf("%s --help: exit %d, %q", command, code, stderr)
		}
		flags, variables := strings.Count(stdout, "  --"), strings.Count(stdout, "($") // or several, with commas between
		if flags == 0 || flags != variables {
			t.Errorf("%s --help shows %d flags and %d variables:\n%s", command, flags, variables, stdout)
		}
	}
	_, stdout, _ := studycall(t, "--help")
	if words := strings.Join(strings.Fields(stdout), " "); !strings.Contains(words, "studycall serve --help") {
		t.Errorf("the first help does not say where the service's flags are:\n%s", stdout)
	}
}

func TestAPortThatIsTakenIsSaid(t *testing.T) {
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

func TestADatabaseThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	code, _, stderr := studycall(t, "events", "--database-url=postgres://nobody:secret@127.0.0.1:1/none")
	if code != exitFailure || !strings.Contains(stderr, "is Postgres running there?") || strings.Contains(stderr, "secret") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

// TestAnOperatorsDay: an empty database is migrated, served, looked at while it serves, and looked at afterwards.
func TestAnOperatorsDay(t *testing.T) {
	t.Parallel()
	database := "--database-url=" + postgrestest.Empty(t)
	if code, _, stderr := studycall(t, "projections", database); code != exitFailure || !strings.Contains(stderr, "studycall migrate") {
		t.Errorf("a database that was never migrated: exit %d, %q", code, stderr)
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

// TestFollowingTheLog: events --follow prints what is there, then what comes, until it is interrupted.
func TestFollowingTheLog(t *testing.T) {
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
		t.Errorf("first comes %q", first)
	}
	if _, err := call(t.Context(), client, server.address, http.MethodPost, "study-123", "join", "user-456",
		`{"sessionId":"`+started.Body.Session.ID+`"}`); err != nil {
		t.Fatal(err)
	}
	if second := <-lines; !strings.Contains(second, "ParticipantJoined") {
		t.Errorf("then comes %q", second)
	}
	interrupt()
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d after an interrupt", code)
	}
}

// TestTheLastLineOfADrainSaysThatItIsOver, and none of the first does.
func TestTheLastLineOfADrainSaysThatItIsOver(t *testing.T) {
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
			t.Errorf("after the last line comes %q", line)
		}
		last = line
	}
	if !strings.Contains(last, "msg=stopped") {
		t.Errorf("the last line is %q", last)
	}
}

// lineWriter passes on each write.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}
