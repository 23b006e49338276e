package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// asProgram is a variable with which the test binary runs as the program, so that tests can start and kill a process.
const asProgram = "STUDYCALL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
	}
	postgrestest.Main(m)
}

// skipInShort skips a slow test in the fast lane.
func skipInShort(t *testing.T, takes string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: takes " + takes)
	}
}

// process is the program in a process of its own.
type process struct {
	cmd     *exec.Cmd
	address string // http://…
	ended   chan struct{}
}

// startProcess starts the program with the arguments and waits until it logs the address that it listens on.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], append([]string{"--log-format=json"}, args...)...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), asProgram+"=yes")
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(p.ended)
		defer close(ready)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			var line struct{ Level, Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Address != "" {
				ready <- line.Address
			} else if line.Level != "INFO" && line.Level != "WARN" {
				t.Logf("process %d: %s", p.cmd.Process.Pid, lines.Text())
			}
		}
	}()
	t.Cleanup(p.kill)
	if p.address = <-ready; p.address == "" {
		t.Fatal("the program did not start")
	}
	return p
}

// kill ends the process like a crash.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	_ = p.cmd.Wait()
}

// terminate makes the process drain, and returns its exit code.
func (p *process) terminate(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// answer is the answer of a REST route.
type answer struct {
	Status   int
	Position int64
	Header   http.Header
	Body     struct {
		Session     *struct{ ID string }
		Participant *struct{ ID string }
		Success     bool
		Code        string
	}
	Raw string
}

// call sends a request of a user to a route of a study's call.
func call(ctx context.Context, client *http.Client, address, method, study, route, user, body string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, address+"/api/my-studies/"+study+"/video-call/"+route, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("X-User-Id", user)
	request.Header.Set("Content-Type", "application/json")
	return send(client, request)
}

// newMembers creates studies and users, and makes every user an active member of every study.
func newMembers(t *testing.T, pool *pgxpool.Pool, studies, users []string) {
	t.Helper()
	exec := func(sql string, args ...any) {
		if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`insert into studies (id, name) select s, s from unnest($1::text[]) s`, studies)
	exec(`insert into users (id, name, email, status) select u, u, u || '@example.com', 'ACTIVE' from unnest($1::text[]) u`, users)
	exec(`insert into study_members (study_id, user_id, role, status)
		select s, u, 'MEMBER', 'ACTIVE' from unnest($1::text[]) s, unnest($2::text[]) u`, studies, users)
}

// openPool connects to a database until the end of the test.
func openPool(t *testing.T, url string, options ...postgres.Option) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Connect(t.Context(), url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// exampleURL creates a database with the example study. The program creates that study only with development sign-in.
func exampleURL(t *testing.T) string {
	t.Helper()
	url := postgrestest.NewURL(t)
	pool, err := postgres.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := membership.SeedExample(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	return url
}
