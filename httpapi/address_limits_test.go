package httpapi_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/pacing"
)

// teapot answers the requests of every connection with 418, and remembers the last ResponseWriter.
type teapot struct{ last http.ResponseWriter }

func (p *teapot) ServeSocketIO(w http.ResponseWriter, _ *http.Request) {
	p.last = w
	w.WriteHeader(http.StatusTeapot)
}

func (p *teapot) ServePlain(w http.ResponseWriter, r *http.Request) error {
	p.ServeSocketIO(w, r)
	return nil
}

// edge is a server with a limit per address and a clock that the test moves. It answers 418 to connections of browsers and 401 to
// REST, because nobody signs in.
func edge(perAddress pacing.Rate) (http.Handler, *standing) {
	clock := &standing{fixedNow()}
	return setup{
		httpapi.Config{
			Authenticator: believing{}, Security: httpapi.Security{PerAddress: perAddress}, Now: clock.now, Log: slog.New(slog.DiscardHandler),
		},
		httpapi.Services{Sockets: &teapot{}},
	}.open(), clock
}

// passed reports whether the edge let a request pass to its handler, rather than refusing it for a limit.
func passed(got answer) bool {
	return got.status == http.StatusTeapot || got.status == http.StatusUnauthorized || got.status == http.StatusNotFound
}

// Connections have a limit of their own, a fifth of the burst and a twentieth of the rate. A client over this limit can still use
// its open connections and send other requests.
func TestConnectionsHaveALimitPerAddress(t *testing.T) {
	t.Parallel()
	const (
		handshake = "/socket.io/?EIO=4&transport=polling"
		poll      = handshake + "&sid=abc"
	)
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket"}
	openings := []struct {
		path    string
		headers []string
	}{
		{handshake, nil}, {handshake + "&sid=", nil}, {"/socket.io/?EIO=4&transport=websocket", upgrade}, {poll, upgrade},
		{"/ws", []string{"Upgrade", "h2c", "Upgrade", "x, WebSocket"}}, {calls + "events", upgrade},
	}
	for _, c := range openings {
		handler, clock := edge(pacing.Rate{PerSecond: 20, Burst: 50}) // a connection a second, and 10 at once
		for i := range 10 {
			each := openings[i%len(openings)] // all of them count together
			if got := from(t, handler, someone, "GET", each.path, "", each.headers...); !passed(got) {
				t.Fatalf("%d: %s: %+v", i, each.path, got)
			}
		}
		got := from(t, handler, someone, "GET", c.path, "", c.headers...)
		details := refused(t, c.path, http.StatusTooManyRequests, "RATE_LIMITED", got)
		if got.header.Get("Retry-After") != "1" || details["limit"] != "address" || got.header.Get("X-Request-Id") == "" ||
			got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %+v", c.path, got)
		}
		for range 1000 {
			for _, method := range []string{"GET", "POST", "OPTIONS"} {
				if got := from(t, handler, someone, method, poll, ""); !passed(got) {
					t.Fatalf("a poll: %s: %+v", method, got)
				}
			}
		}
		for i := range 50 { // what stays did not count for what does not
			if got := from(t, handler, someone, "GET", calls+"status", "", "Upgrade", "h2c"); !passed(got) {
				t.Fatalf("request %d: %+v", i, got)
			}
		}
		refused(t, "too many requests", http.StatusTooManyRequests, "RATE_LIMITED", from(t, handler, someone, "POST", handshake, ""))
		if got := from(t, handler, "203.0.113.8:1", "GET", c.path, "", c.headers...); !passed(got) {
			t.Errorf("another address: %s: %+v", c.path, got)
		}
		clock.at = clock.at.Add(time.Second)
		if got := from(t, handler, someone, "GET", c.path, "", c.headers...); !passed(got) {
			t.Errorf("a second later: %s: %+v", c.path, got)
		}
	}
}

// With the default limits, twelve members behind one address can open a call: two sockets each, by polling and then upgraded, and
// the other requests of a page; and all of them again after a restart.
func TestACallBehindOneAddressIsWithinTheLimits(t *testing.T) {
	t.Parallel()
	handler, _ := edge(pacing.Rate{PerSecond: 500, Burst: 2000})
	for i := range 2 * 12 * 2 {
		for _, path := range []string{"/socket.io/?EIO=4&transport=polling", calls + "status", calls + "history", calls + "stats", "/socket.io/?sid=a"} {
			if got := from(t, handler, someone, "GET", path, ""); !passed(got) {
				t.Fatalf("%d: %s: %+v", i, path, got)
			}
		}
		if got := from(t, handler, someone, "GET", "/socket.io/?sid=a", "", "Upgrade", "websocket"); !passed(got) {
			t.Fatalf("%d: upgrade: %+v", i, got)
		}
	}
}

// The owner of a /48 has fewer households than the limiter keeps buckets, and cannot empty its own buckets by filling the table.
func TestEvictingBucketsGivesNoNewBurst(t *testing.T) {
	t.Parallel()
	handler, _ := edge(pacing.Rate{PerSecond: 1, Burst: 2})
	ask := func(address string) bool { return passed(from(t, handler, address, "GET", "/", "")) }
	requests, households := 70_000, 256
	if testing.Short() {
		requests, households = 2_560, 10
	}
	allowed := 0
	for i := range requests {
		if ask(fmt.Sprintf("[2001:db8:1:%x::1]:1", i%65536)) {
			allowed++
		}
	}
	if allowed != households*2 {
		t.Errorf("%d requests of one /48 were allowed, want %d", allowed, households*2)
	}

	limiter, now := httpapi.NewLimiter(pacing.Rate{PerSecond: 1, Burst: 3}, 100), fixedNow()
	drained := func(key string) bool { return limiter.Take(key, now) > 0 }
	for range 3 {
		for i := range 100 {
			limiter.Take(fmt.Sprint("attacker-", i), now)
		}
	}
	allowed = 0
	for i := range 10_000 { // from networks without end
		if limiter.Take(fmt.Sprint("more-", i), now) == 0 {
			allowed++
		}
	}
	if allowed != 3 || limiter.Buckets() != 100 {
		t.Errorf("%d more passed, and %d buckets are kept", allowed, limiter.Buckets())
	}
	for i := range 100 {
		if !drained(fmt.Sprint("attacker-", i)) {
			t.Fatalf("attacker-%d has a burst anew", i)
		}
	}
	// Buckets that are full again make room for other keys.
	now = now.Add(3 * time.Second)
	for range 3 {
		if limiter.Take("somebody", now) > 0 {
			t.Error("a client still shares the bucket")
		}
	}
	if !drained("somebody") {
		t.Error("somebody has no bucket")
	}
}

// The handlers of connections hijack them and set deadlines, which needs the ResponseWriter of net/http itself.
func TestConnectionsGetTheServersResponseWriter(t *testing.T) {
	t.Parallel()
	sockets := &teapot{}
	handler := setup{
		httpapi.Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)}, httpapi.Services{Sockets: sockets},
	}.open()
	for _, path := range []string{"/ws", "/socket.io/?EIO=4"} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if sockets.last != http.ResponseWriter(recorder) {
			t.Errorf("%s writes to a %T", path, sockets.last)
		}
	}
}
