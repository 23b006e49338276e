package httpapi_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/pacing"
)

// guard is a server with the security settings around commands that succeed, without a database. Its clock stands still.
func guard(tb testing.TB, security httpapi.Security, changes ...func(*setup)) http.Handler {
	tb.Helper()
	config := setup{
		httpapi.Config{Authenticator: believing{}, Security: security, Now: fixedNow, Log: slog.New(slog.DiscardHandler)},
		httpapi.Services{Commands: failing{}, Presence: failing{}, Access: failing{}, Readiness: failing{}},
	}
	for _, change := range changes {
		change(&config)
	}
	return config.open()
}

// believing accepts the development header of any request.
type believing struct{}

func (believing) Authenticate(r *http.Request) (string, error) {
	if id := r.Header.Get(auth.DevHeader); id != "" {
		return id, nil
	}
	return "", auth.ErrUnauthenticated
}

// anybody accepts any proof as that of the owner.
type anybody struct{}

func (anybody) Authenticate(r *http.Request) (string, error) {
	for _, name := range []string{"Cookie", "Authorization", auth.DevHeader} {
		if r.Header.Get(name) != "" {
			return owner, nil
		}
	}
	return "", auth.ErrUnauthenticated
}

func byAnything(c *setup) { c.Authenticator = anybody{} }

// from sends a request to the handler from the address, with headers as pairs of name and value.
func from(tb testing.TB, handler http.Handler, address, method, path, body string, headers ...string) answer {
	tb.Helper()
	request := httptest.NewRequestWithContext(tb.Context(), method, path, strings.NewReader(body))
	request.RemoteAddr, request.Host = address, "calls.example.org"
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// someone is the address of an ordinary client.
const someone = "203.0.113.7:40000"

func listed(tb testing.TB, list string) *auth.Origins {
	tb.Helper()
	origins, err := auth.ParseOrigins(list)
	check.NoError(tb, err)
	return origins
}

func networks(tb testing.TB, list ...string) (parsed []netip.Prefix) {
	tb.Helper()
	for _, text := range list {
		network, err := netip.ParsePrefix(text)
		check.NoError(tb, err)
		parsed = append(parsed, network)
	}
	return parsed
}

func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	handler := guard(t, httpapi.Security{
		Origins: listed(t, "https://app.example.com"), PerAddress: pacing.Rate{PerSecond: 1, Burst: 8},
	}, func(c *setup) { c.Commands = panicking{failing{}} })
	preflight := []string{"Origin", "https://app.example.com", "Access-Control-Request-Method", "POST"}
	statuses := map[int]bool{}
	for _, c := range []struct {
		method, path, body string
		headers            []string
	}{
		{"GET", "/health", "", nil}, {"GET", "/nowhere", "", nil}, {"DELETE", calls + "start", "", nil},
		{"GET", calls + "status", "", nil}, {"OPTIONS", calls + "start", "", nil}, {"OPTIONS", calls + "start", "", preflight},
		{"POST", calls + "leave", naming("x"), []string{auth.DevHeader, owner}}, {"POST", calls + "start", "", []string{auth.DevHeader, owner}},
		{"POST", calls + "leave", strings.Repeat(" ", 1<<20+1), []string{auth.DevHeader, owner}},
		{"GET", "/nowhere", "", nil}, {"GET", "/nowhere", "", nil},
	} {
		got := from(t, handler, someone, c.method, c.path, c.body, c.headers...)
		statuses[got.status] = true
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-site", "Cache-Control": "no-store",
			"Vary": "Origin", "Server": "", "Strict-Transport-Security": "",
		} {
			if value := got.header.Get(name); value != want {
				t.Errorf("%s %s, %d: %s %q, want %q", c.method, c.path, got.status, name, value, want)
			}
		}
		if got.header.Get("X-Request-Id") == "" {
			t.Errorf("%s %s, %d: no request id", c.method, c.path, got.status)
		}
	}
	for _, status := range []int{200, 204, 401, 404, 405, 413, 429, 500} {
		if !statuses[status] {
			t.Errorf("no answer was %d: %v", status, statuses)
		}
	}
}

func TestStrictTransportSecurityIsSentOverTLSAlone(t *testing.T) {
	t.Parallel()
	handler := guard(t, httpapi.Security{Proxies: networks(t, "10.0.0.0/8")})
	for _, c := range []struct {
		address, proto string
		want           bool
	}{
		{"10.1.2.3:5", "https", true}, {"10.1.2.3:5", "http", false}, {"10.1.2.3:5", "", false}, {someone, "https", false},
	} {
		got := from(t, handler, c.address, "GET", "/health", "", "X-Forwarded-Proto", c.proto)
		if strict := got.header.Get("Strict-Transport-Security") == "max-age=31536000"; strict != c.want {
			t.Errorf("%+v: %v", c, got.header)
		}
	}
	server := httptest.NewTLSServer(guard(t, httpapi.Security{}))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/health", nil)
	check.NoError(t, err)
	response, err := server.Client().Do(request)
	check.NoError(t, err)
	check.NoError(t, response.Body.Close())
	if response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("by TLS: %v", response.Header)
	}
}

func TestForgedRequestsWithACookieAreRefused(t *testing.T) {
	t.Parallel()
	const cookie = "next-auth.session-token=x"
	handler := guard(t, httpapi.Security{Origins: listed(t, "https://app.example.com")}, byAnything)
	for _, c := range []struct {
		method  string
		headers []string
		want    int
	}{
		{"POST", []string{"Cookie", cookie}, 200}, // no browser
		{"POST", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-origin"}, 200},
		{"POST", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-site", "Origin", "https://web.example.org"}, 200},
		{"POST", []string{"Cookie", cookie, "Sec-Fetch-Site", "none"}, 200},
		{"POST", []string{"Cookie", cookie, "Sec-Fetch-Site", "cross-site", "Origin", "https://app.example.com"}, 200},
		{"POST", []string{"Cookie", cookie, "Origin", "https://app.example.com"}, 200},
		{"POST", []string{"Cookie", cookie, "Origin", "https://calls.example.org"}, 200},
		{"POST", []string{"Cookie", cookie, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test"}, 403},
		{"POST", []string{"Cookie", cookie, "Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", []string{"Cookie", cookie, "Origin", "https://evil.test"}, 403},
		{"POST", []string{"Cookie", cookie, "Origin", "null"}, 403},
		{"POST", []string{"Cookie", cookie, "Referer", "https://evil.test/calls.example.org"}, 403},
		{"POST", []string{"Cookie", cookie, "Referer", "https://calls.example.org/page"}, 200},
		{"POST", []string{"Cookie", cookie, "Referer", "https://app.example.com/page"}, 200},
		{"POST", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", []string{"Cookie", cookie, "Origin", "https://app.example.com", "Origin", "https://evil.test"}, 403},
		{"POST", []string{"Cookie", cookie, "Origin", "https://evil.test", "Authorization", "Basic eDp5"}, 403},
		{"POST", []string{"Cookie", cookie, "Origin", "https://evil.test", auth.DevHeader, owner}, 403}, // not in development
		{"POST", []string{"Cookie", cookie, "Origin", "https://evil.test", "Authorization", "Bearer x"}, 200},
		{"POST", []string{"Authorization", "Bearer x", "Origin", "https://evil.test"}, 200},
		{"POST", []string{auth.DevHeader, owner, "Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site"}, 200},
		{"POST", []string{"Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site"}, 401},
	} {
		got := from(t, handler, someone, c.method, calls+"leave", naming("x"), c.headers...)
		switch c.want {
		case http.StatusForbidden:
			details := refused(t, strings.Join(c.headers, " "), 403, "PERMISSION_DENIED", got)
			if details["field"] != "Origin" || details["reason"] == "" {
				t.Errorf("%v: details %v", c.headers, details)
			}
		case http.StatusUnauthorized:
			refused(t, strings.Join(c.headers, " "), 401, "AUTH_REQUIRED", got)
		default:
			if got.status != c.want {
				t.Errorf("%v: %+v", c.headers, got)
			}
		}
	}
	development := guard(t, httpapi.Security{IdentityHeader: auth.DevHeader}, byAnything)
	if got := from(t, development, someone, "POST", calls+"leave", naming("x"),
		"Cookie", "theme=dark", "Origin", "https://evil.test", auth.DevHeader, owner); got.status != http.StatusOK {
		t.Errorf("in development, with the header: %+v", got)
	}
	if got := from(t, development, someone, "POST", calls+"leave", naming("x"),
		"Cookie", "theme=dark", "Origin", "https://evil.test"); got.status != http.StatusForbidden {
		t.Errorf("in development, without the header: %+v", got)
	}
}

// A page of another site can cause a query, but cannot read the answer.
func TestQueriesNeedNoTrustedOrigin(t *testing.T) {
	t.Parallel()
	s := newServer(t, byAnything)
	for _, method := range []string{"GET", "HEAD"} {
		got := s.ask(noOne, method, "status", "", "Cookie", "x=y", "Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site")
		if got.status != http.StatusOK || got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %+v", method, got)
		}
	}
}

// standing is a clock that the test sets.
type standing struct{ at time.Time }

func (s *standing) now() time.Time { return s.at }
