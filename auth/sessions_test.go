package auth_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
)

// sessions are the sessions that testdata/generate made with the real packages.
type sessions struct {
	Packages map[string]string
	Clock    time.Time
	Secrets  []string
	Cookie   string
	Cases    []session
}

// session has the cookies of a request. Users are nil if the request is refused.
type session struct {
	Name    string
	Format  string
	Cookies string  // the Cookie header
	User    *string // whom it must name
	Real    any     // the id that the package itself reads from it
	Token   string  // what the cookies carry, "" if the case is about cookies
	Bare    *string // whom the token must name by itself
	Always  bool    // does not expire before 2100
}

func recorded(tb testing.TB) sessions {
	tb.Helper()
	text, err := os.ReadFile("testdata/sessions.json")
	if err != nil {
		tb.Fatal(err)
	}
	return readSessions(tb, text)
}

func readSessions(tb testing.TB, text []byte) sessions {
	tb.Helper()
	var s sessions
	if err := json.Unmarshal(text, &s); err != nil {
		tb.Fatal(err)
	}
	if len(s.Cases) < 70 || s.Packages["next-auth"] != "4.24.13" || s.Packages["@auth/core"] != "0.41.3" {
		tb.Fatalf("%d cases of %v", len(s.Cases), s.Packages)
	}
	return s
}

// nextAuth returns the authenticator for the recorded sessions, at their time.
func (s sessions) nextAuth(tb testing.TB) *auth.NextAuth {
	tb.Helper()
	n, err := auth.NewNextAuth(s.Secrets, s.Cookie, func() time.Time { return s.Clock })
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// token returns the token of the case with the name.
func (s sessions) token(tb testing.TB, name string) string {
	tb.Helper()
	for _, c := range s.Cases {
		if c.Name == name {
			return c.Token
		}
	}
	tb.Fatalf("no case %q", name)
	return ""
}

// valid returns the cases with a valid token.
func (s sessions) valid() []session {
	var valid []session
	for _, c := range s.Cases {
		if c.Token != "" && c.Bare != nil {
			valid = append(valid, c)
		}
	}
	return valid
}

func withCookies(header ...string) *http.Request {
	return &http.Request{Header: http.Header{"Cookie": header}}
}

func withBearer(token string) *http.Request {
	return &http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}
}

// then checks the user that an authenticator returned (nil: none), and that an error repeats nothing of the token.
func then(t *testing.T, how string, want *string, got string, err error, shown string) {
	t.Helper()
	switch {
	case want != nil && (err != nil || got != *want):
		t.Errorf("%s: %q, %v; want %q", how, got, err, *want)
	case want == nil && (!errors.Is(err, auth.ErrUnauthenticated) || got != ""):
		t.Errorf("%s: %q, %v; want nobody", how, got, err)
	case want == nil && repeats(err.Error(), shown):
		t.Errorf("%s: the error repeats the token: %v", how, err)
	}
}

// repeats reports whether a text has ten consecutive bytes of a token.
func repeats(text, shown string) bool {
	const run = 10
	for i := 0; i+run <= len(text); i++ {
		if strings.Contains(shown, text[i:i+run]) {
			return true
		}
	}
	return false
}

func TestTokensOfTheRealPackages(t *testing.T) {
	t.Parallel()
	checkSessions(t, recorded(t))
}

// checkSessions authenticates every session as cookies, as a Bearer token and as a bare token.
func checkSessions(t *testing.T, s sessions) {
	t.Helper()
	n := s.nextAuth(t)
	for _, c := range s.Cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			got, err := n.Authenticate(withCookies(c.Cookies))
			then(t, "cookies", c.User, got, err, c.Cookies)
			if c.Token == "" {
				return
			}
			got, err = n.Authenticate(withBearer(c.Token))
			then(t, "bearer", c.Bare, got, err, c.Token)
			got, err = n.Token(c.Token)
			then(t, "token", c.Bare, got, err, c.Token)
		})
	}
}

// differences lists every case in which package auth differs from the packages' own decoders, with the reason.
func differences() map[string]string {
	return map[string]string{
		"a stale cookie beside the chunks of a current one": "the packages join every cookie whose name begins with theirs",
		"a current cookie beside chunks that were left":     "the same",
		"another name's start":                              "the same",
		"chunks count from 1":                               "the packages join any chunks",
		"id is a number":                                    "a user id is text: the web app's look-up would find nobody",
		"id is empty":                                       "the same",
		"id is null":                                        "the web app reads id alone, and finds nobody",
		"A128CBC-HS256":                                     "next-auth 4 does not restrict algorithms",
		"A256KW":                                            "the same",
		"A256GCMKW":                                         "the same",
		"compressed":                                        "next-auth 4 never compresses; a bomb is small",
		"v5's key with A256GCM":                             "Auth.js 5 never makes it",
	}
}

func TestDifferencesFromTheRealPackagesAreKnown(t *testing.T) {
	t.Parallel()
	unseen := differences()
	for _, c := range recorded(t).Cases {
		same := c.User == nil && c.Real == nil || c.User != nil && c.Real == any(*c.User)
		if _, known := unseen[c.Name]; known == same {
			t.Errorf("%s: ours the same as the package's: %v; in the list of differences: %v", c.Name, same, known)
		}
		delete(unseen, c.Name)
	}
	for name := range unseen {
		t.Errorf("%s: in the list of differences, but no case", name)
	}
}

func TestTokensOfTheRealPackagesAtTheRealTime(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n, err := auth.NewNextAuth(s.Secrets, s.Cookie, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, c := range s.Cases {
		if c.Always {
			got, err := n.Authenticate(withCookies(c.Cookies))
			then(t, c.Name, c.User, got, err, c.Cookies)
			seen++
		}
	}
	if seen < 5 {
		t.Errorf("saw %d cases", seen)
	}
}
