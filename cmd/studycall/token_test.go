package main

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
)

// signedInAs returns the user of a request with the headers, for an authenticator with the secret and a clock that is ahead.
func signedInAs(t *testing.T, secret, cookie string, ahead time.Duration, header http.Header) string {
	t.Helper()
	nextAuth, err := auth.NewNextAuth([]string{secret}, cookie, func() time.Time { return time.Now().Add(ahead) })
	if err != nil {
		t.Fatal(err)
	}
	user, _ := nextAuth.Authenticate(&http.Request{Header: header})
	return user
}

// The output is only the token, so that $(studycall token …) works.
func TestTokenPrintsOnlyTheToken(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := studycall(t, "token", "--user=user-456", "--secret=newest,previous", "--name=김철수", "--email=a@example.com")
	token, rest, _ := strings.Cut(stdout, "\n")
	if code != exitOK || rest != "" || stderr != "" || strings.Count(token, ".") != 4 {
		t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
	}
	header := http.Header{"Authorization": {"Bearer " + token}}
	for _, c := range []struct {
		secret string
		ahead  time.Duration
		want   string
	}{
		{"newest", 0, "user-456"},
		{"previous", 0, ""},
		{"newest", 24 * time.Hour, "user-456"},
		{"newest", 25 * time.Hour, ""},
	} {
		if user := signedInAs(t, c.secret, "", c.ahead, header); user != c.want {
			t.Errorf("with the secret %q, %v later: %q; want %q", c.secret, c.ahead, user, c.want)
		}
	}
}

func TestTokenAsACookie(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "study.session"} {
		args := []string{"token", "--user=user-456", "--secret=secret", "--max-age=1m", "--cookie"}
		if name != "" {
			args = append(args, "--session-cookie="+name)
		}
		code, stdout, stderr := studycall(t, args...)
		line, found := strings.CutSuffix(stdout, "\n")
		if code != exitOK || !found || stderr != "" {
			t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
		}
		header := http.Header{"Cookie": {line}}
		if user := signedInAs(t, "secret", name, 0, header); user != "user-456" {
			t.Errorf("%q names %q", line, user)
		}
		if user := signedInAs(t, "secret", name, 2*time.Minute, header); user != "" {
			t.Errorf("after its maximum age %q names %q", line, user)
		}
	}
}

func TestTokenTakesTheSecretFromTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"NEXTAUTH_SECRET", "AUTH_SECRET"} {
		cmd := exec.Command(os.Args[0], "token")
		cmd.Env = append(os.Environ(), asProgram+"=yes", name+"=from the environment", "STUDYCALL_TOKEN_USER=user-789")
		stdout, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"Authorization": {"Bearer " + strings.TrimSuffix(string(stdout), "\n")}}
		if user := signedInAs(t, "from the environment", "", 0, header); user != "user-789" {
			t.Errorf("%s: %q names %q", name, stdout, user)
		}
	}
}

func TestTokenReportsInvalidFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--user=user-456"}, "set NEXTAUTH_SECRET or --secret"},
		{[]string{"--user=user-456", "--secret="}, "set NEXTAUTH_SECRET or --secret"},
		{[]string{"--user=user-456", "--secret=hidden,"}, "no secret at place 2 of 2"},
		{[]string{"--user=user-456", "--secret=hidden, hidden"}, "space beside a comma"},
		{[]string{"--secret=hidden"}, "--user"},
		{[]string{"--user=", "--secret=hidden"}, `--user (STUDYCALL_TOKEN_USER) "" cannot sign in anywhere`},
		{[]string{"--user=two\nlines", "--secret=hidden"}, "cannot sign in anywhere"},
		{[]string{"--user=" + strings.Repeat("u", 201), "--secret=hidden"}, "cannot sign in anywhere"},
		{[]string{"--user=user-456", "--secret=hidden", "--max-age=0s"}, "--max-age (STUDYCALL_TOKEN_MAX_AGE) must be at least 1s"},
		{[]string{"--user=user-456", "--secret=hidden", "--max-age=soon"}, "--max-age"},
		{[]string{"--user=user-456", "--secret=hidden", "more"}, "unexpected argument more"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := studycall(t, append([]string{"token"}, c.args...)...)
			if code != exitUsage || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
				t.Errorf("exit %d, prints %q and %q; want exit 2 and one line with %q", code, stdout, stderr, c.want)
			}
			if strings.Contains(stderr, "hidden") {
				t.Errorf("prints the secret: %q", stderr)
			}
		})
	}
}
