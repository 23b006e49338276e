package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

const statusURL = "/api/my-studies/study-123/video-call/status"

// recordedSessions are tokens that auth/testdata/generate made with the real npm packages.
type recordedSessions struct {
	Secrets []string
	Cookie  string
	Cases   []struct {
		Name, Cookies, Token string
		User, Bare           *string
		Always               bool
	}
}

// get requests a URL, with headers as pairs of name and value.
func get(t *testing.T, client *http.Client, url string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	got, err := send(client, request)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return got
}

// Every invalid token gets the same answer, byte for byte, so that the answer does not reveal the reason.
func TestEveryInvalidTokenGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	skipInShort(t, "4 s")
	text, err := os.ReadFile("../../auth/testdata/sessions.json")
	if err != nil {
		t.Fatal(err)
	}
	var sessions recordedSessions
	if err := json.Unmarshal(text, &sessions); err != nil {
		t.Fatal(err)
	}
	address, client := serveInProcess(t, io.Discard, nil, "--database-url="+exampleURL(t), "--address-rate-limit=0",
		"--nextauth-secret="+strings.Join(sessions.Secrets, ","), "--session-cookie="+sessions.Cookie), newClient(t)

	reference := get(t, client, address+statusURL)
	if reference.Status != http.StatusUnauthorized || reference.Body.Code != "AUTH_REQUIRED" {
		t.Fatalf("without a token: %d %s", reference.Status, reference.Raw)
	}
	shape := func(header http.Header) http.Header {
		header = maps.Clone(header)
		header.Del("Date")
		header.Del("X-Request-Id")
		return header
	}
	refused := func(name string, headers ...string) {
		t.Helper()
		got := get(t, client, address+statusURL, headers...)
		if got.Status != reference.Status || got.Raw != reference.Raw || !maps.EqualFunc(shape(got.Header), shape(reference.Header),
			func(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }) {
			t.Errorf("%s: %d %v %s, want %v %s", name, got.Status, got.Header, got.Raw, reference.Header, reference.Raw)
		}
	}
	bad, good, altered := 0, 0, 0
	for _, c := range sessions.Cases {
		switch {
		case c.Always:
			good++
			if got := get(t, client, address+statusURL, "Cookie", c.Cookies); got.Status != http.StatusOK {
				t.Errorf("%s: %d %s", c.Name, got.Status, got.Raw)
			}
			if strings.Contains(c.Cookies, ";") {
				continue // in chunks: the tests of auth alter those
			}
			for at := range c.Cookies { // including the name
				other := "A"
				if c.Cookies[at] == 'A' {
					other = "B"
				}
				altered++
				refused(c.Name+", altered at "+strconv.Itoa(at), "Cookie", c.Cookies[:at]+other+c.Cookies[at+1:])
			}
		case strings.HasPrefix(c.Name, "valid in"):
			// Valid only at another time: the tests of auth set the clock.
		case c.User == nil:
			bad++
			refused(c.Name, "Cookie", c.Cookies)
			if c.Token != "" && c.Bare == nil {
				refused(c.Name+", bearer", "Authorization", "Bearer "+c.Token)
			}
		}
	}
	if bad < 40 || good < 5 || altered < 2500 {
		t.Errorf("%d bad and %d good cases, %d altered", bad, good, altered)
	}
	for _, size := range []int{0, 1, 4000, 16 << 10, 16<<10 + 1, 100_000, 1_000_000, 1 << 20} {
		junk := strings.Repeat("A", size)
		refused("junk", "Cookie", auth.DefaultCookie+"="+junk)
		refused("junk, bearer", "Authorization", "Bearer "+junk)
		refused("junk with dots", "Cookie", auth.DefaultCookie+"=....."+junk)
	}
	refused("a basic sign-in", "Authorization", "Basic dXNlci00NTY6eA==")
	refused("development's header", auth.DevHeader, "user-456")
	refused("a token in another header", "X-Token", "x")
}

// Neither the debug log nor any answer contains a token, the secret that signed it, or the database's password, whether the
// database is available or not.
func TestLogsAndAnswersContainNoSecrets(t *testing.T) {
	t.Parallel()
	skipInShort(t, "6 s")
	const password = "a-password-of-the-database"
	cluster := postgrestest.Cluster(t)
	address, err := url.Parse(cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	pool, err := postgres.Connect(t.Context(), cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := postgres.Migrate(t.Context(), pool, migrations.Files); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `create role keeper superuser login password '`+password+`'`); err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("keeper", password)
	var log record
	server := serveInProcess(t, &log, nil, "--database-url="+address.String(), "--nextauth-secret="+secretText+","+secretText+"-2")
	client := newClient(t)

	var shown strings.Builder
	ask := func(method, path, body string, headers ...string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, server+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		_ = response.Header.Write(&shown)
		if _, err := io.Copy(&shown, response.Body); err != nil {
			t.Fatal(err)
		}
	}
	token := func(secret, user string) string {
		t.Helper()
		made, err := auth.Mint(secret, auth.Session{UserID: user}, time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	tokens := []string{
		token(secretText, "user-456"), token(secretText+"-2", "user-456"), token("another", "user-456"), token(secretText, "user-deleted"),
	}
	altered := []byte(tokens[0])
	altered[len(altered)-3] ^= 1
	tokens = append(tokens, string(altered), tokens[0][:200])
	sendAll := func() {
		t.Helper()
		for _, token := range tokens {
			for _, headers := range [][]string{
				{"Cookie", auth.DefaultCookie + "=" + token},
				{"Cookie", auth.DefaultCookie + "=" + token, "Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site"},
				{"Cookie", auth.DefaultCookie + ".0=" + token}, {"Authorization", "Bearer " + token}, {"Authorization", token},
				{auth.DevHeader, token}, {"X-Request-Id", token}, {"Min-Event-Position", token, "Cookie", auth.DefaultCookie + "=" + token},
			} {
				ask(http.MethodGet, statusURL, "", headers...)
				ask(http.MethodPost, strings.Replace(statusURL, "status", "start", 1), token, headers...)
				ask(http.MethodPost, strings.Replace(statusURL, "status", "join", 1), `{"sessionId":"`+token+`"}`, headers...)
			}
			for _, path := range []string{statusURL + "?token=" + token, "/nowhere/" + token, "/nowhere?token=" + token,
				strings.Replace(statusURL, "study-123", token, 1), strings.Replace(statusURL, "status", "sessions/"+token, 1)} {
				ask(http.MethodGet, path, "", "Cookie", auth.DefaultCookie+"="+token)
				ask("BREW", path, "")
			}
		}
		ask(http.MethodGet, "/ready", "")
	}
	sendAll()
	pool.Close()
	if err := cluster.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	sendAll()
	_, out, errs := studycall(t, "--log-level=debug", "serve", "--listen=127.0.0.1:0", "--database-url="+address.String(), "--nextauth-secret="+secretText)

	hidden := []string{password, secretText}
	for _, token := range tokens {
		for part := range strings.SplitSeq(token, ".") {
			if len(part) > 12 && !strings.HasPrefix(part, "eyJ") {
				hidden = append(hidden, part[:12])
			}
		}
	}
	if len(hidden) < 2+2*5 || !strings.Contains(log.String(), "level=WARN") || strings.Count(log.String(), "msg=request ") < 100 ||
		!strings.Contains(shown.String(), "SERVICE_UNAVAILABLE") || !strings.Contains(errs, "is Postgres running?") {
		t.Fatalf("too few requests or messages to prove anything: %s\n%s", log.String(), errs)
	}
	for place, text := range map[string]string{"the log": log.String(), "an answer": shown.String(), "the program's output": out + errs} {
		for _, secret := range hidden {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s contains %q: …%s…", place, secret, text[max(0, at-200):at+len(secret)])
			}
		}
	}
}
