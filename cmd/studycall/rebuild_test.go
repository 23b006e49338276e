package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// command is a subcommand in a process of its own, which ends by itself.
type command struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan struct{}
}

func startCommand(t *testing.T, args ...string) *command {
	t.Helper()
	return startCommandWith(t, nil, args...)
}

// startCommandWith starts a command with additional environment variables, in the form NAME=value.
func startCommandWith(t *testing.T, variables []string, args ...string) *command {
	t.Helper()
	c := &command{cmd: exec.Command(os.Args[0], args...), ended: make(chan struct{})}
	c.cmd.Env = append(append(os.Environ(), asProgram+"=yes"), variables...)
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.ended
	})
	return c
}

// mustSucceed waits for the end, and fails the test unless the exit code is 0.
func (c *command) mustSucceed(t *testing.T) {
	t.Helper()
	<-c.ended
	if code := c.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Errorf("%v: exit %d, %s%s", c.cmd.Args[1:], code, c.stdout.String(), c.stderr.String())
	}
}

// killed kills the process after a time, like a crash, and reports whether it was still running.
func (c *command) killed(after time.Duration) bool {
	select {
	case <-time.After(after):
	case <-c.ended:
	}
	_ = c.cmd.Process.Kill()
	<-c.ended
	return c.cmd.ProcessState.ExitCode() < 0 // ended by a signal
}

// seeded returns a database with a past and current tables, and its flag.
func seeded(t *testing.T, args ...string) (pool *pgxpool.Pool, database string) {
	t.Helper()
	f := newSeedDatabase(t)
	if code, _, stderr := runSeed(t.Context(), append(args, f.url)...); code != exitOK {
		t.Fatalf("exit %d, %q", code, stderr)
	}
	if code, _, stderr := studycall(t, "rebuild", f.url); code != exitOK {
		t.Fatalf("exit %d, %q", code, stderr)
	}
	return f.pool, f.url
}

func TestRebuildAndVerifyRejectInvalidFlags(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"rebuild", "verify"} {
		for _, c := range []struct{ args, want string }{
			{"histroy", `unknown projection "histroy"; known are sessions, history, user_stats, study_stats`},
			{"history histroy", `unknown projection "histroy"`},
			{"--stats-timezone=Mars", `"Mars" is not a time zone like Asia/Seoul`},
			{"--fast", "unknown flag --fast"},
		} {
			code, stdout, stderr := studycall(t, append([]string{command}, strings.Fields(c.args)...)...)
			if code != exitUsage || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
				t.Errorf("%s %s: exit %d, prints %q and %q", command, c.args, code, stdout, stderr)
			}
		}
		if code, stdout, _ := studycall(t, command, "--help"); code != exitOK || !strings.Contains(stdout, "default: all") {
			t.Errorf("%s --help: exit %d\n%s", command, code, stdout)
		}
		code, _, stderr := studycall(t, command, "--database-url="+postgrestest.Empty(t))
		if want := map[string]int{"rebuild": exitFailure, "verify": exitUnverified}[command]; code != want || !strings.Contains(stderr, "studycall migrate") {
			t.Errorf("%s on a database without migrations: exit %d, %q", command, code, stderr)
		}
	}
}

func TestVerifyPrintsDifferencesAndRebuildRepairsThem(t *testing.T) {
	t.Parallel()
	skipInShort(t, "5 s")
	pool, database := seeded(t, "--studies=2", "--sessions=5")
	events := int64(0)
	if err := pool.QueryRow(t.Context(), `update user_stats.totals set sessions = sessions + 100, muted_ms = -1
		where user_id = 'seed-user-1-1' returning (select count(*) from events)`).Scan(&events); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `delete from history.sessions where number > 4`); err != nil {
		t.Fatal(err)
	}

	code, stdout, stderr := studycall(t, "verify", database)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if code != exitFailure || len(lines) != 4 || !strings.Contains(stderr, "studycall: 4 differences between the tables and the log; studycall rebuild") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	const row = `user_stats.totals {"study_id":"seed-study-1","user_id":"seed-user-1-1"} `
	for _, want := range []string{row + "sessions: live 10", row + "muted_ms: live -1, rebuilt ", `history.sessions {"session_id":"`, "(row): live null, rebuilt {"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("verify does not print %q but\n%s", want, stdout)
		}
	}
	if done := fmt.Sprintf("msg=verify done=%d of=%d", events, events); !strings.Contains(stderr, done) {
		t.Errorf("the log lacks %q: %q", done, stderr)
	}
	if code, stdout, _ := studycall(t, "verify", database, "sessions", "study_stats"); code != exitOK || stdout != "The tables agree with the log.\n" {
		t.Errorf("verify of the other projections: exit %d, %q", code, stdout)
	}

	if code, _, stderr := studycall(t, "rebuild", database, "history", "history"); code != exitOK || !strings.Contains(stderr, fmt.Sprintf("msg=rebuild done=%d of=%d", events, events)) {
		t.Errorf("rebuild: exit %d, %q", code, stderr)
	}
	if code, stdout, _ := studycall(t, "verify", database); code != exitFailure || strings.Count(stdout, "\n") != 2 {
		t.Errorf("verify after the rebuild of one projection: exit %d, %q", code, stdout)
	}
	if code, _, stderr := studycall(t, "rebuild", database, "user_stats"); code != exitOK {
		t.Errorf("rebuild: exit %d, %q", code, stderr)
	}
	mustVerify(t, database)

	if _, err := pool.Exec(t.Context(), `update history.sessions set started_by = 'nobody' where number = 1 and study_id = 'seed-study-1'`); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := studycall(t, "verify", database, "history"); code != exitFailure || !strings.Contains(stderr, "studycall: 1 difference between") {
		t.Errorf("verify with one difference: exit %d, %q", code, stderr)
	}
}

func mustVerify(t *testing.T, database string) {
	t.Helper()
	if code, stdout, stderr := studycall(t, "verify", database); code != exitOK {
		t.Errorf("verify: exit %d, %.2000s %s", code, stdout, stderr)
	}
}

// The exit code of an interrupted verify must not look like "no difference". The same is true of rebuild.
func TestInterruptedVerifyAndRebuildFail(t *testing.T) {
	t.Parallel()
	skipInShort(t, "2 s")
	pool, database := seeded(t, "--studies=2", "--sessions=5")
	held, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Rollback(t.Context()) }()
	// The lock keeps both commands from ending.
	if _, err := held.Exec(t.Context(), `lock table checkpoints in access exclusive mode`); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"verify", "rebuild"} {
		ctx, interrupt := context.WithCancel(t.Context())
		var stdout, stderr bytes.Buffer
		code := make(chan int, 1)
		go func() { code <- run(ctx, []string{command, database}, &stdout, &stderr) }()
		check.Eventually(t, command+" waits", func() bool {
			var waiting bool
			err := pool.QueryRow(t.Context(), `select exists (select from pg_locks where not granted and relation = 'checkpoints'::regclass)`).Scan(&waiting)
			return err == nil && waiting
		})
		interrupt()
		if code := <-code; code != exitInterrupted || !strings.Contains(stderr.String(), "interrupted") {
			t.Errorf("%s: exit %d, %q %q; want exit 130 and \"interrupted\"", command, code, stdout.String(), stderr.String())
		}
	}
}

// Rebuilds are killed at random points, one after the other. The live tables stay unchanged, and the next rebuild succeeds.
func TestAKilledRebuildChangesNothing(t *testing.T) {
	t.Parallel()
	skipInShort(t, "13 s")
	pool, database := seeded(t, "--studies=10", "--sessions=50")
	began := time.Now()
	startCommand(t, "rebuild", database).mustSucceed(t)
	whole := time.Since(began)
	for kills, tries := 0, 0; kills < 4; tries++ {
		if tries > 40 {
			t.Fatalf("only %d of %d rebuilds were killed", kills, tries)
		}
		began = time.Now()
		rebuild := startCommand(t, "rebuild", database)
		if rebuild.killed(mathrand.N(whole / 2)) {
			kills++
		} else {
			rebuild.mustSucceed(t)
			whole = time.Since(began) // the earlier measurement was on a busier machine
		}
		var sessions, history int
		if err := pool.QueryRow(t.Context(), `select (select count(*) from sessions.sessions), (select count(*) from history.sessions)`).
			Scan(&sessions, &history); err != nil || sessions != 500 || history != 500 {
			t.Fatalf("after a kill: %d sessions, %d in history (%v)", sessions, history, err)
		}
		check.Eventually(t, "Postgres notices the end of the claim's connection", func() bool {
			var claimed bool
			err := pool.QueryRow(t.Context(), `select exists (select from pg_locks l join pg_database d on d.oid = l.database
				where l.locktype = 'advisory' and d.datname = current_database())`).Scan(&claimed)
			return err == nil && !claimed
		})
	}
	startCommand(t, "rebuild", database).mustSucceed(t)
	mustVerify(t, database)
	var left int
	if err := pool.QueryRow(t.Context(), `select count(*) from pg_namespace where nspname like '%rebuild%'`).Scan(&left); err != nil || left > 0 {
		t.Errorf("%d schemas are left (%v)", left, err)
	}
}

// A server under load is killed several times, while rebuilds run and are killed. Every verification succeeds.
func TestRebuildAndVerifyBesideABusyServer(t *testing.T) {
	t.Parallel()
	skipInShort(t, "35 s")
	url := postgrestest.NewURL(t)
	database := "--database-url=" + url
	pool := openPool(t, url, postgres.WithMaxConns(4))
	newMembers(t, pool, chaosNames("study", 5), chaosNames("user", chaosUsers))
	c := &chaos{pool: pool, client: newClient(t)}
	serve := func() {
		c.servers[0].Store(startProcess(t, database, "--listen=127.0.0.1:0", "--rate-limit=0", "--address-rate-limit=0"))
	}
	serve()
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	var answers atomic.Int64
	for writer := range 6 {
		busy.Go(func() {
			c.repeatSessions(ctx, t, fmt.Sprintf("study-%d", writer%5), fmt.Sprintf("user-%d", writer), &answers)
		})
	}
	for range 4 {
		startCommand(t, "rebuild", database).mustSucceed(t)
		startCommand(t, "verify", database).mustSucceed(t)
		startCommand(t, "rebuild", database, "history", "study_stats").killed(mathrand.N(200 * time.Millisecond))
		c.servers[0].Load().kill()
		serve()
		check.Eventually(t, "the claim of the killed rebuild is released", func() bool {
			code, _, _ := studycall(t, "verify", database, "history", "study_stats")
			return code == exitOK
		})
		before := answers.Load()
		check.Eventually(t, "the restarted server is busy", func() bool { return answers.Load() >= before+25 })
	}
	stop()
	busy.Wait()
	log := readLog(t, pool)
	log.mustBeDense(t)
	log.mustEqualTables(t, pool)
	mustVerify(t, database)
	if code := c.servers[0].Load().terminate(t); code != exitOK {
		t.Errorf("exit %d after SIGTERM", code)
	}
	mustVerify(t, database)
	if code, _, stderr := studycall(t, "rebuild", database); code != exitOK {
		t.Errorf("rebuild: exit %d, %q", code, stderr)
	}
	log.mustEqualTables(t, pool)
}

// repeatSessions starts, joins and leaves sessions as a user, and reads the status and history, until ctx ends.
func (c *chaos) repeatSessions(ctx context.Context, t *testing.T, study, user string, answers *atomic.Int64) {
	t.Helper()
	for ctx.Err() == nil {
		address := c.servers[0].Load().address
		started, err := c.ask(t, address, http.MethodPost, study, "start", user, "")
		if err != nil {
			continue // the server was killed
		}
		for _, route := range []string{"join", "leave"} {
			if _, err := c.ask(t, address, http.MethodPost, study, route, user, `{"sessionId":"`+started.Body.Session.ID+`"}`); !errors.Is(err, errUnanswered) {
				answers.Add(1)
			}
		}
		for _, route := range []string{"status", "history"} {
			answered, err := call(t.Context(), c.client, address, http.MethodGet, study, route, user, "")
			if err == nil && answered.Status != http.StatusOK {
				t.Errorf("%s answered %d: %s", route, answered.Status, answered.Raw)
			}
		}
	}
}
