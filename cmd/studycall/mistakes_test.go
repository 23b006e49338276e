package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/studycall/studycall/postgres/postgrestest"
)

func TestAMistakePrintsOneLineAndExitsWith2(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		want string
	}{
		{"--listen=0.0.0.0:8080", "loopback only"},
		{"serve --listen=nonsense", "not an address like 127.0.0.1:8080"},
		{"serve --auth=none", "--auth (STUDYCALL_AUTH) must be one of"},
		{"serve --call-capacity=0", "at least 1"},
		{"serve --call-capacity=many", "--call-capacity"},
		{"serve --disconnect-grace=0s", "--disconnect-grace (STUDYCALL_DISCONNECT_GRACE) must be 1s to 1h, not 0s"},
		{"serve --empty-timeout=25h", "--empty-timeout (STUDYCALL_EMPTY_TIMEOUT) must be 1s to 24h, not 25h0m0s"},
		{"serve --no-such-flag", "unknown flag --no-such-flag"},
		{"dance", "unexpected argument dance"},
		{"events --after=-1", "--after (STUDYCALL_AFTER) must be 0 or more"},
		{"events extra", "unexpected argument extra"},
		{"--log-level=loud", "--log-level (STUDYCALL_LOG_LEVEL) must be one of"},
		{"serve --call-capacity -1", "--call-capacity (STUDYCALL_CALL_CAPACITY) must be at least 1, not -1"},
		{"events --after -1", "--after (STUDYCALL_AFTER) must be 0 or more, not -1"},
		{"events --study --follow", "--study (STUDYCALL_STUDY)"},
		{"serve --listen=127.0.0.1:99999", `--listen (STUDYCALL_LISTEN) "127.0.0.1:99999" has no port from 0 to 65535`},
		{"serve --listen=localhost:abc", `"localhost:abc" has no port from 0 to 65535`},
		{"serve --session-cookie=a;b", `--session-cookie (STUDYCALL_SESSION_COOKIE): "a;b" cannot be the name of a cookie`},
		{"token --user=u --secret=s --cookie --session-cookie=a;b", `"a;b" cannot be the name of a cookie`},
		{"serve --membership-url=foo", "--membership-url (STUDYCALL_MEMBERSHIP_URL): it must be one like postgres://"},
		{"serve --membership-url=mysql://x", "not mysql://"},
		{"serve --membership-url=postgres://u@h/d?pgbouncer=true", "Prisma's directUrl"},
		{"migrate --database-url=foo", "--database-url (DATABASE_URL): the database URL is invalid: it must be one like postgres://"},
		{"events --database-url=mysql://x", "--database-url (DATABASE_URL): the database URL is invalid"},
		{"migrate --database-url=postgres://u:hidden@h:port/d", "invalid port"},
		{"events --data-dir=/nonexistent/studycall", "there is no data of studycall in /nonexistent/studycall"},
		{"projections --data-dir=/nonexistent/studycall", "check --data-dir (STUDYCALL_DATA_DIR)"},
		{"projections retry history --data-dir=/nonexistent/studycall", "start the service with it first"},
		{"rebuild --data-dir=/nonexistent/studycall", "there is no data"},
		{"serve --listen=127.0.0.1:0 --data-dir=testdata", "holds something else"},
		{"migrate --data-dir=testdata", "holds something else"},
		{"seed --data-dir=testdata", "holds something else"},
		{"events --data-dir=/nonexistent/studycall --database-url=postgres://h/d", "use one of them"},
		{"projections retry nope", `unknown projection "nope"; known are sessions, history, user_stats, study_stats`},
		{"help nope", "unexpected argument nope"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := studycall(t, strings.Fields(c.args)...)
			if code != exitUsage || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
				t.Errorf("exit %d, prints %q and %q; want exit 2 and one line with %q", code, stdout, stderr, c.want)
			}
		})
	}
}

// An error about a value from a variable names the variable, also if the URL comes from a variable and the directory from a flag.
func TestErrorsNameTheVariable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		variable, args string
		code           int
		want           string
	}{
		{"STUDYCALL_LISTEN=foo", "", exitUsage, "--listen (STUDYCALL_LISTEN)"},
		{"STUDYCALL_CALL_CAPACITY=many", "", exitUsage, "STUDYCALL_CALL_CAPACITY"},
		{"DATABASE_URL=postgres://127.0.0.1:1/d", "events --data-dir=/nonexistent", exitUsage, "use one of them"},
		{"DATABASE_URL=postgres://127.0.0.1:1/d", "events --data-dir=/nonexistent --database-url=", exitUsage, "there is no data"},
		{"STUDYCALL_DATA_DIR=/nonexistent", "events --database-url=postgres://127.0.0.1:1/d", exitFailure, "is Postgres running?"},
	} {
		command := startCommandWith(t, []string{c.variable}, strings.Fields(c.args)...)
		<-command.ended
		stderr := command.stderr.String()
		if code := command.cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s %s: exit %d, %q; want %d and one line with %q", c.variable, c.args, code, stderr, c.code, c.want)
		}
	}
}

func TestATooSmallPoolIsRefused(t *testing.T) {
	t.Parallel()
	url, err := url.Parse(postgrestest.NewURL(t))
	if err != nil {
		t.Fatal(err)
	}
	values := url.Query()
	values.Set("pool_max_conns", "3")
	url.RawQuery = values.Encode()
	code, _, stderr := studycall(t, "events", "--database-url="+url.String())
	if code != exitUsage || !strings.Contains(stderr, "must be 4 or more, not 3") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}
