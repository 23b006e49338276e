package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/pacing"
)

// corsOf returns the names of an answer's CORS headers, without their prefix.
func corsOf(got answer) (names []string) {
	for name := range got.header {
		if strings.HasPrefix(name, "Access-Control-") {
			names = append(names, strings.TrimPrefix(name, "Access-Control-"))
		}
	}
	slices.Sort(names)
	return names
}

func TestPreflightsOfAllowedOrigins(t *testing.T) {
	t.Parallel()
	origins := listed(t, "https://app.example.com,http://localhost:3000")
	production := guard(t, httpapi.Security{Origins: origins, PerAddress: pacing.Rate{PerSecond: 0.001, Burst: 8}})
	development := guard(t, httpapi.Security{Origins: origins, IdentityHeader: auth.DevHeader})
	for _, origin := range []string{"https://app.example.com", "http://localhost:3000"} {
		for _, path := range []string{calls + "start", calls + "status", calls + "nowhere", "/nowhere"} {
			got := from(t, production, someone, "OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "POST",
				"Access-Control-Request-Headers", "content-type,x-user-id")
			want := []string{"Allow-Credentials", "Allow-Headers", "Allow-Methods", "Allow-Origin", "Max-Age"}
			if got.status != http.StatusNoContent || got.body != "" || !slices.Equal(corsOf(got), want) {
				t.Fatalf("%s %s: %+v", origin, path, got)
			}
			for name, want := range map[string]string{
				"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin",
				"Access-Control-Allow-Methods": "GET, HEAD, POST", "Access-Control-Max-Age": "7200",
				"Access-Control-Allow-Headers": "Content-Type, Authorization, Accept-Language, Min-Event-Position, X-Request-Id",
			} {
				if value := got.header.Get(name); value != want {
					t.Errorf("%s %s: %s %q, want %q", origin, path, name, value, want)
				}
			}
		}
	}
	// Preflights count for their address like any other request.
	got := from(t, production, someone, "OPTIONS", calls+"start", "", "Origin", "http://localhost:3000", "Access-Control-Request-Method", "POST")
	refused(t, "the ninth", http.StatusTooManyRequests, "RATE_LIMITED", got)
	got = from(t, development, someone, "OPTIONS", calls+"start", "", "Origin", "http://localhost:3000", "Access-Control-Request-Method", "POST")
	if allowed := got.header.Get("Access-Control-Allow-Headers"); !strings.HasSuffix(allowed, ", X-User-Id") {
		t.Errorf("in development: %q", allowed)
	}
}

func TestAllowedOriginsMayReadEveryAnswer(t *testing.T) {
	t.Parallel()
	handler := guard(t, httpapi.Security{
		Origins: listed(t, "https://app.example.com"), PerAddress: pacing.Rate{PerSecond: 1, Burst: 5},
	}, func(c *setup) { c.Commands = panicking{failing{}} })
	for _, c := range []struct {
		method, path, user string
		want               int
	}{
		{"POST", "leave", owner, 200}, {"POST", "start", owner, 500}, {"GET", "status", "", 401}, {"GET", "nowhere", "", 404},
		{"OPTIONS", "start", "", 204}, {"POST", "leave", owner, 429},
	} {
		got := from(t, handler, someone, c.method, calls+c.path, naming("x"), "Origin", "https://app.example.com", auth.DevHeader, c.user)
		want := []string{"Allow-Credentials", "Allow-Origin", "Expose-Headers"}
		if got.status != c.want || !slices.Equal(corsOf(got), want) || got.header.Get("Vary") != "Origin" {
			t.Errorf("%s %s: %+v", c.method, c.path, got)
		}
		if exposed := got.header.Get("Access-Control-Expose-Headers"); exposed != "Event-Position, Retry-After, X-Request-Id" {
			t.Errorf("%s %s: exposed %q", c.method, c.path, exposed)
		}
	}
}

func TestOtherOriginsGetNoPermission(t *testing.T) {
	t.Parallel()
	for name, security := range map[string]httpapi.Security{
		"one is allowed": {Origins: listed(t, "https://app.example.com")}, "none is allowed": {},
	} {
		handler := guard(t, security)
		for _, origin := range []string{"", "null", "*", "https://evil.test", "https://app.example.com.evil.test", "http://app.example.com",
			"https://app.example.com:8443", "https://APP.example.com", "https://app.example.com/", "https://evil.test,https://app.example.com"} {
			for _, method := range []string{"GET", "OPTIONS"} {
				got := from(t, handler, someone, method, calls+"status", "", "Origin", origin, "Access-Control-Request-Method", "POST")
				if len(corsOf(got)) > 0 || got.header.Get("Vary") != "Origin" {
					t.Errorf("%s: %s from %q: %+v", name, method, origin, got)
				}
			}
			got := from(t, handler, someone, "OPTIONS", "/nowhere", "", "Origin", origin, "Access-Control-Request-Method", "POST")
			refused(t, name+": "+origin, http.StatusNotFound, "ROUTE_NOT_FOUND", got)
		}
	}
}
