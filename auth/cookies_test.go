package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/studycall/studycall/auth"
)

const cookie = auth.DefaultCookie

// chunked splits a token into n cookies.
func chunked(token string, n int) []string {
	size := (len(token) + n - 1) / n
	var cookies []string
	for i := range n {
		cookies = append(cookies, fmt.Sprintf("%s.%d=%s", cookie, i, token[min(i*size, len(token)):min((i+1)*size, len(token))]))
	}
	return cookies
}

func TestTheOrderOfCookies(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	token := s.token(t, "v4")
	mint := func(user string) string {
		return seal(t, s.Secrets[0], v4Header, `{"id":"`+user+`"}`)
	}
	user, other := "user-456", "user-100"
	for what, c := range map[string]struct {
		cookies []string
		want    *string
	}{
		"several Cookie headers":                {[]string{"a=b", cookie + "=" + token, "c=d"}, &user},
		"chunks over several Cookie headers":    {chunked(token, 3), &user},
		"no space between":                      {[]string{"a=b;" + cookie + "=" + token + ";c=d"}, &user},
		"spaces and tabs around":                {[]string{"a=b; \t" + cookie + " =\t" + token + "  ;c"}, &user},
		"pairs without a name or a value":       {[]string{";;=; = ;" + cookie + ";" + cookie + "=" + token + ";"}, &user},
		"32 chunks":                             {chunked(s.token(t, "v4 in two chunks"), 32), &user},
		"33 chunks":                             {chunked(s.token(t, "v4 in two chunks"), 33), nil},
		"one chunk":                             {[]string{cookie + ".0=" + token}, &user},
		"two chunks of one number: the first":   {[]string{cookie + ".0=" + token, cookie + ".0=" + mint(other)}, &user},
		"two chunks of one number, otherwise":   {[]string{cookie + ".0=" + mint(other), cookie + ".0=" + token}, &other},
		"the exact name is tried first":         {[]string{cookie + ".0=" + mint(user), cookie + "=" + mint(other)}, &other},
		"an empty one hides nothing":            {[]string{cookie + "=", cookie + ".0=" + token}, &user},
		"an empty one of the same name":         {[]string{cookie + "=; " + cookie + "=" + token}, &user},
		"the app's own name is tried first":     {[]string{cookie + "=" + mint(user), s.Cookie + "=" + mint(other)}, &other},
		"__Secure- is tried before plain":       {[]string{cookie + "=" + mint(user), "__Secure-" + cookie + "=" + mint(other)}, &other},
		"a stale one of another name":           {[]string{s.Cookie + "=" + s.token(t, "expired"), cookie + "=" + token}, &user},
		"a stale one in two chunks, exact good": {append(chunked(s.token(t, "expired"), 2), cookie+"="+token), &user},
		"v4 in v5's cookie":                     {[]string{"authjs.session-token=" + token}, &user},
		"v5 in v4's cookie":                     {[]string{cookie + "=" + s.token(t, "v5")}, nil},
		"v5 in its own cookie":                  {[]string{"authjs.session-token=" + s.token(t, "v5")}, &user},
		"v5 in its own cookie over HTTPS":       {[]string{"__Secure-authjs.session-token=" + s.token(t, "v5 over HTTPS")}, &user},
		"half a pair of quotes":                 {[]string{cookie + `="` + token}, nil},
		"two pairs of quotes":                   {[]string{cookie + `=""` + token + `""`}, nil},
		"a quote alone":                         {[]string{cookie + `="`}, nil},
		"percent-encoded":                       {[]string{cookie + "=" + strings.ReplaceAll(token, ".", "%2E")}, nil},
		"the name in capitals":                  {[]string{strings.ToUpper(cookie) + "=" + token}, nil},
		"the name in quotes":                    {[]string{`"` + cookie + `"=` + token}, nil},
		"an attribute of an old Cookie header":  {[]string{"$Path=/; " + cookie + "=" + token}, &user},
		"a chunk's number with a zero":          {[]string{cookie + ".00=" + token}, nil},
		"a chunk's number with a sign":          {[]string{cookie + ".+0=" + token}, nil},
		"a number without a dot":                {[]string{cookie + "0=" + token}, nil},
		"a negative chunk":                      {[]string{cookie + ".-1=" + token}, nil},
		"a chunk's number beyond int":           {[]string{cookie + ".99999999999999999999=" + token}, nil},
		"a chunk without a number":              {[]string{cookie + ".=" + token}, nil},
		"a chunk's number and more":             {[]string{cookie + ".0.0=" + token}, nil},
		"a far chunk is another's":              {[]string{cookie + ".1000000=x; " + cookie + ".0=" + token}, &user},
		"a gap behind":                          {[]string{cookie + ".0=" + token, cookie + ".2=AAAA"}, nil},
		"an empty chunk":                        {[]string{cookie + ".0=" + token, cookie + ".1="}, &user},
		"an empty chunk between":                {[]string{cookie + ".0=" + token, cookie + ".1=;" + cookie + ".2=A"}, nil},
		"nothing":                               {nil, nil},
	} {
		got, err := n.Authenticate(withCookies(c.cookies...))
		then(t, what, c.want, got, err, strings.Join(c.cookies, ";"))
	}
}

func TestBearerTokens(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	token, user := s.token(t, "v5"), "user-456"
	for header, want := range map[string]*string{
		"Bearer " + token:               &user,
		"bearer " + token:               &user,
		"BEARER   " + token + " ":       &user,
		"Bearer" + token:                nil,
		"Bearer\t" + token:              nil,
		"Basic " + token:                nil,
		token:                           nil,
		"Bearer " + token + " more":     nil,
		"Bearer " + token + "," + token: nil,
		"Bearer Bearer " + token:        nil,
		"Bearer":                        nil,
		"":                              nil,
	} {
		got, err := n.Authenticate(&http.Request{Header: http.Header{"Authorization": {header}}})
		then(t, header, want, got, err, token)
	}
}

func TestACookieIsTriedBeforeTheHeader(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	other := seal(t, s.Secrets[0], v4Header, `{"id":"user-100"}`)
	r := withBearer(other)
	r.Header.Set("Cookie", cookie+"="+s.token(t, "v4"))
	if user, err := n.Authenticate(r); user != "user-456" || err != nil {
		t.Errorf("%q, %v", user, err)
	}
	r.Header.Set("Cookie", cookie+"="+s.token(t, "expired"))
	if user, err := n.Authenticate(r); user != "user-100" || err != nil {
		t.Errorf("a stale cookie: %q, %v", user, err)
	}
}

// The reason is for readers of the log.
func TestTheErrorHasTheReasonOfTheFirstToken(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	for reason, r := range map[string]*http.Request{
		"no token":                      {},
		"expired":                       withCookies(cookie + "=" + s.token(t, "expired")),
		"not valid yet":                 withBearer(s.token(t, "valid in an hour")),
		"made with another secret":      withBearer(s.token(t, "another secret, v5")),
		"names no user":                 withBearer(s.token(t, "nobody")),
		"header or algorithm":           withBearer(s.token(t, "A256KW")),
		"not the text of an encrypted":  withBearer("user-456"),
		"too long":                      withBearer(strings.Repeat("A", 20000)),
		"chunk of the session cookie":   withCookies(cookie + ".1=A"),
		"cookies are too long":          withCookies(strings.Repeat("a=b;", 10000)),
		"claims are not of the right t": withBearer(s.token(t, "exp is text")),
	} {
		_, err := n.Authenticate(r)
		if !errors.Is(err, auth.ErrUnauthenticated) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%v; want %q in it", err, reason)
		}
	}
}
