package auth_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/studycall/studycall/auth"
)

// FuzzToken checks that only the exact tokens that were made with a secret are accepted.
func FuzzToken(f *testing.F) {
	s := recorded(f)
	n := s.nextAuth(f)
	users := map[string]string{}
	for _, c := range s.Cases {
		if c.Bare != nil {
			users[c.Token] = *c.Bare
		}
		f.Add(c.Token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		for how, authenticate := range map[string]func() (string, error){
			"token":  func() (string, error) { return n.Token(token) },
			"bearer": func() (string, error) { return n.Authenticate(withBearer(token)) },
		} {
			shown := token
			if how == "bearer" {
				shown = strings.Trim(token, " ")
			}
			user, err := authenticate()
			if user != users[shown] || (err == nil) != (user != "") || err != nil && !errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("%s: %q, %v; want %q", how, user, err, users[shown])
			}
		}
	})
}

// FuzzCookies compares Authenticate with a plain implementation of the rules.
func FuzzCookies(f *testing.F) {
	s := recorded(f)
	n := s.nextAuth(f)
	for _, c := range s.Cases {
		f.Add(c.Cookies)
	}
	for _, seed := range []string{
		cookie + ".0=a; " + cookie + `.01="b"; ` + cookie + `.1="; ` + cookie, ";=;\t=\"\"; ;;", "a=b; a=c", s.Cookie + ".31=a;" + s.Cookie + ".32=b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		user, err := n.Authenticate(withCookies(header))
		want := ""
		for _, token := range plainly(s, header) {
			// In v5 the cookie counts too, so the token is shown alone in the one that it came in.
			if found, err := n.Authenticate(withCookies(token.Name + "=" + token.Value)); err == nil {
				want = found
				break
			}
		}
		if user != want || (err == nil) != (user != "") || err != nil && !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("%q: %q, %v; want %q", header, user, err, want)
		}
	})
}

// plainly returns the tokens in a Cookie header, in the order in which they are tried, each with the cookie's name.
func plainly(s sessions, header string) []http.Cookie {
	if len(header) > 32<<10 {
		return nil
	}
	cookies := map[string]string{}
	for _, pair := range strings.Split(header, ";") {
		name, value, _ := strings.Cut(pair, "=")
		name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
		if len(value) > 1 && strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`) {
			value = value[1 : len(value)-1]
		}
		if cookies[name] == "" {
			cookies[name] = value
		}
	}
	var tokens []http.Cookie
	for _, name := range []string{
		s.Cookie, "__Secure-authjs.session-token", "authjs.session-token",
		"__Secure-next-auth.session-token", "next-auth.session-token",
	} {
		if plain(cookies[name]) {
			tokens = append(tokens, http.Cookie{Name: name, Value: cookies[name]})
		}
		var numbers []int
		for i := range 32 {
			if cookies[name+"."+strconv.Itoa(i)] != "" {
				numbers = append(numbers, i)
			}
		}
		sort.Ints(numbers)
		var joined strings.Builder
		for i, number := range numbers {
			if i != number {
				joined.Reset()
				break
			}
			joined.WriteString(cookies[name+"."+strconv.Itoa(i)])
		}
		if plain(joined.String()) {
			tokens = append(tokens, http.Cookie{Name: name, Value: joined.String()})
		}
	}
	return tokens
}

// plain reports whether a value means the same as the value of a cookie.
func plain(value string) bool { return value != "" && !strings.ContainsAny(value, "\" \t") }

// FuzzClaims checks that any token made with the secret names the user that a plain implementation finds.
func FuzzClaims(f *testing.F) {
	s := recorded(f)
	n := s.nextAuth(f)
	for _, seed := range []string{
		`{"id":"user-456","sub":"a","iat":1,"nbf":2.5,"exp":1e300}`, `{"id":null}`, `{"sub":"\ud800"}`, `[{}]`, `{"exp":"1"}`, "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		user, err := n.Token(seal(t, s.Secrets[0], v4Header, text))
		if want := plainUser(s, text); len(text) < 10000 && user != want ||
			(err == nil) != (user != "") || err != nil && !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("%q: %q, %v; want %q", text, user, err, want)
		}
	})
}

func plainUser(s sessions, text string) string {
	var claims map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if !json.Valid([]byte(text)) || strings.ToValidUTF8(text, "") != text || decoder.Decode(&claims) != nil {
		return ""
	}
	times := map[string]float64{"iat": 0, "nbf": math.Inf(-1), "exp": math.Inf(1)}
	for name := range times {
		if claim, present := claims[name]; present {
			number, isNumber := claim.(json.Number)
			value, err := number.Float64()
			if !isNumber || err != nil {
				return ""
			}
			times[name] = value
		}
	}
	now := float64(s.Clock.Unix())
	if times["nbf"] > now+15 || times["exp"] <= now-15 {
		return ""
	}
	id, present := claims["id"]
	if !present {
		id = claims["sub"]
	}
	user, _ := id.(string)
	return user
}

// FuzzHeader checks that of all headers on a token made with the secret, only those that the packages write are accepted.
func FuzzHeader(f *testing.F) {
	s := recorded(f)
	n := s.nextAuth(f)
	for _, seed := range []string{
		v4Header, `{"alg":"dir","enc":"A256GCM","zip":"DEF"}`, `{"alg":"dir","enc":"A256CBC-HS512","kid":"x"}`, `{"alg":"none"}`, `[`, ``,
		`{"alg":"dir","enc":"A256GCM","typ":"JWT","kid":"x"}`, `{"alg":"dir","enc":"A256GCM","x5c":[""],"jwk":{},"epk":{},"crit":[]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		user, err := n.Token(seal(t, s.Secrets[0], header, `{"id":"user-456"}`))
		if err != nil {
			if user != "" || !errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("%q: %q, %v", header, user, err)
			}
			return
		}
		var fields map[string]any
		if json.Unmarshal([]byte(header), &fields) != nil || fields["alg"] != "dir" || fields["enc"] != "A256GCM" {
			t.Errorf("%q is accepted", header)
		}
		for name := range fields {
			if !slices.Contains([]string{"alg", "enc", "kid", "typ"}, name) {
				t.Errorf("%q is accepted", header)
			}
		}
	})
}
