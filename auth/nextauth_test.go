package auth_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
)

func TestNewNextAuthNeedsSecrets(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][]string{nil, {}, {""}, {"one", ""}, {"", "two"}} {
		if n, err := auth.NewNextAuth(secrets, "", time.Now); !errors.Is(err, auth.ErrNoSecret) || n != nil {
			t.Errorf("%q: %v, %v", secrets, n, err)
		}
	}
}

func TestNamesThatCookiesCanHave(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"": true, "session": true, "__Host-a.b-c_d": true, cookie: true, "a b": false, "a=b": false, "a;b": false, "쿠키": false, "a\n": false,
	} {
		if _, err := auth.NewNextAuth([]string{"secret"}, name, time.Now); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A configured cookie with a known name is tried first.
func TestTheConfiguredCookieMayHaveAKnownName(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	s.Cookie = "authjs.session-token"
	n := s.nextAuth(t)
	if user, err := n.Authenticate(withCookies(s.Cookie + "=" + s.token(t, "v5"))); user != "user-456" || err != nil {
		t.Errorf("%q, %v", user, err)
	}
	r := withCookies("__Secure-"+s.Cookie+"="+s.token(t, "v4"), s.Cookie+"="+seal(t, s.Secrets[0], v4Header, `{"id":"user-100"}`))
	if user, err := n.Authenticate(r); user != "user-100" || err != nil {
		t.Errorf("%q, %v", user, err)
	}
}

// Tokens of the other secrets are still accepted.
func TestTokensOfARemovedSecretAreRefused(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	s.Secrets = s.Secrets[:1]
	n := s.nextAuth(t)
	for name, valid := range map[string]bool{
		"v4": true, "v5": true, "v4 of the previous secret": false, "v5 of the previous secret": false,
	} {
		if _, err := n.Token(s.token(t, name)); (err == nil) != valid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	for _, verb := range []string{"%v", "%+v", "%s"} {
		if printed := fmt.Sprintf(verb, n); printed != "NextAuth sessions" {
			t.Errorf("%s prints %q", verb, printed)
		}
	}
}

func TestParseSecrets(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{
		"one":             {"one"},
		"one,two,three":   {"one", "two", "three"},
		"\tnot trimmed\n": {"\tnot trimmed\n"},
		"c2VjcmV0Cg==,비밀": {"c2VjcmV0Cg==", "비밀"},
	} {
		if got, err := auth.ParseSecrets(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", list, got, err)
		}
	}
	for _, list := range []string{"", ",", "one,", ",two", "one,,three"} {
		if got, err := auth.ParseSecrets(list); !errors.Is(err, auth.ErrNoSecret) || got != nil {
			t.Errorf("%q: %q, %v", list, got, err)
		}
	}
	for _, list := range []string{"first, second", "first ,second", "first,second,\nthird", "first, "} {
		got, err := auth.ParseSecrets(list)
		if err == nil || got != nil || strings.Contains(err.Error(), "first") || strings.Contains(err.Error(), "second") {
			t.Errorf("%q: %q, %v", list, got, err)
		}
	}
}
