package httpapi_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/pacing"
)

// tokens is a plain token bucket, for comparison with the limiter.
type tokens struct {
	have float64
	at   time.Time
}

func (b *tokens) take(rate pacing.Rate, now time.Time) bool {
	b.have = min(float64(rate.Burst), b.have+now.Sub(b.at).Seconds()*rate.PerSecond)
	b.at = now
	if b.have < 1-1e-6 { // the limiter counts in whole nanoseconds
		return false
	}
	b.have--
	return true
}

func TestTheLimiterIsATokenBucketPerKey(t *testing.T) {
	t.Parallel()
	for _, rate := range []pacing.Rate{{PerSecond: 2, Burst: 3}, {PerSecond: 50, Burst: 200}, {PerSecond: 0.5, Burst: 1}} {
		limiter, buckets := httpapi.NewLimiter(rate, 10), map[string]*tokens{}
		random, now := rand.New(rand.NewPCG(1, 2)), fixedNow()
		refusals := 0
		for i := range 20_000 {
			// Steps of which a whole number makes an interval, so that both sides see the same instants.
			now = now.Add(time.Duration(random.IntN(4)) * time.Second / time.Duration(rate.PerSecond*8))
			key := "key-" + strconv.Itoa(random.IntN(3))
			if buckets[key] == nil {
				buckets[key] = &tokens{float64(rate.Burst), now}
			}
			wait, want := limiter.Take(key, now), buckets[key].take(rate, now)
			if (wait == 0) != want {
				t.Fatalf("%+v: request %d of %s: wait %v, but the bucket says %v", rate, i, key, wait, want)
			}
			if wait == 0 {
				continue
			}
			refusals++
			if early := *buckets[key]; wait > 2*time.Millisecond && early.take(rate, now.Add(wait-time.Millisecond)) {
				t.Fatalf("%+v: request %d of %s: a wait of %v is too long", rate, i, key, wait)
			}
			if later := *buckets[key]; !later.take(rate, now.Add(wait)) {
				t.Fatalf("%+v: request %d of %s: a wait of %v is too short", rate, i, key, wait)
			}
		}
		if refusals == 0 {
			t.Errorf("%+v: nothing was refused", rate)
		}
	}
}

func TestTheLimitersMemoryIsBounded(t *testing.T) {
	t.Parallel()
	limiter, now := httpapi.NewLimiter(pacing.Rate{PerSecond: 1, Burst: 1}, 100), fixedNow()
	for i := range 10_000 {
		limiter.Take(strconv.Itoa(i), now)
		if i >= 40 && limiter.Take(strconv.Itoa(i-40), now) == 0 {
			t.Fatalf("%d was forgotten too soon", i-40)
		}
	}
	if n := limiter.Buckets(); n != 100 {
		t.Errorf("it keeps %d buckets", n)
	}
}

func TestTheLimiterIsExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	const burst = 100
	limiter, now := httpapi.NewLimiter(pacing.Rate{PerSecond: 1, Burst: burst}, 10), fixedNow()
	var passed atomic.Int64
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for range burst {
				if limiter.Take("one", now) == 0 {
					passed.Add(1)
				}
			}
		})
	}
	asking.Wait()
	if passed.Load() != burst {
		t.Errorf("%d passed, want %d", passed.Load(), burst)
	}
}

func TestRequestsHaveALimitPerUser(t *testing.T) {
	t.Parallel()
	clock := &standing{fixedNow()}
	handler := guard(t, httpapi.Security{PerUser: pacing.Rate{PerSecond: 0.5, Burst: 3}},
		func(c *setup) { c.Now = clock.now })
	leave := func(address, user string) answer {
		return from(t, handler, address, "POST", calls+"leave", naming("x"), auth.DevHeader, user)
	}
	for i := range 3 {
		if got := leave(fmt.Sprintf("203.0.113.%d:1", i), owner); got.status != http.StatusOK {
			t.Fatalf("request %d: %+v", i, got)
		}
	}
	for range 2 { // refusals do not count
		got := leave(someone, owner)
		details := refused(t, "the fourth", http.StatusTooManyRequests, "RATE_LIMITED", got)
		if got.header.Get("Retry-After") != "2" || details["retryAfter"] != 2.0 || details["limit"] != "user" {
			t.Errorf("the fourth: %+v", got)
		}
	}
	if got := leave(someone, member); got.status != http.StatusOK {
		t.Errorf("another user at the same address: %+v", got)
	}
	for _, path := range []string{"/health", "/ready", calls + "nowhere"} {
		if got := from(t, handler, someone, "GET", path, "", auth.DevHeader, owner); got.status == http.StatusTooManyRequests {
			t.Errorf("%s: %+v", path, got)
		}
	}
	clock.at = clock.at.Add(1200 * time.Millisecond)
	if got := leave(someone, owner); got.header.Get("Retry-After") != "1" {
		t.Errorf("a little later: %+v", got)
	}
	clock.at = clock.at.Add(800 * time.Millisecond)
	if got := leave(someone, owner); got.status != http.StatusOK {
		t.Errorf("after the wait: %+v", got)
	}
}

// Requests are counted before sign-in and routing, so invalid tokens and unknown routes count too.
func TestRequestsHaveALimitPerAddress(t *testing.T) {
	t.Parallel()
	clock := &standing{fixedNow()}
	handler := guard(t, httpapi.Security{
		PerAddress: pacing.Rate{PerSecond: 1, Burst: 4}, Proxies: networks(t, "10.0.0.0/8"),
	}, func(c *setup) { c.Now = clock.now })
	for i, path := range []string{calls + "status", "/nowhere", calls + "start", calls + "nowhere"} {
		if got := from(t, handler, someone, "GET", path, ""); got.status == http.StatusTooManyRequests {
			t.Fatalf("request %d: %+v", i, got)
		}
	}
	for _, user := range []string{"", owner, member} {
		got := from(t, handler, someone, "POST", calls+"leave", naming("x"), auth.DevHeader, user)
		details := refused(t, "the fifth", http.StatusTooManyRequests, "RATE_LIMITED", got)
		if got.header.Get("Retry-After") != "1" || details["limit"] != "address" {
			t.Errorf("the fifth: %+v", got)
		}
	}
	for _, path := range []string{"/health", "/ready"} {
		if got := from(t, handler, someone, "GET", path, ""); got.status != http.StatusOK {
			t.Errorf("%s: %+v", path, got)
		}
	}
	for address, forwarded := range map[string]string{"203.0.113.8:1": "", "10.0.0.1:1": "198.51.100.1", "10.0.0.2:1": "198.51.100.2"} {
		if got := from(t, handler, address, "GET", "/nowhere", "", "X-Forwarded-For", forwarded); got.status != http.StatusNotFound {
			t.Errorf("%s for %s: %+v", address, forwarded, got)
		}
	}
	got := from(t, handler, "10.0.0.1:1", "GET", "/nowhere", "", "X-Forwarded-For", "9.9.9.9, 203.0.113.7")
	refused(t, "the same client by a proxy", http.StatusTooManyRequests, "RATE_LIMITED", got)
	got = from(t, handler, "203.0.113.7:5", "GET", "/nowhere", "", "X-Forwarded-For", "9.9.9.9")
	refused(t, "another port and a lie", http.StatusTooManyRequests, "RATE_LIMITED", got)
	clock.at = clock.at.Add(time.Second)
	if got := from(t, handler, someone, "GET", "/nowhere", ""); got.status != http.StatusNotFound {
		t.Errorf("a second later: %+v", got)
	}
}

func TestRequestsOutOfOrderGetNoExtraTokens(t *testing.T) {
	t.Parallel()
	// Given a bucket from which a request has taken one of two tokens,
	limiter, now := httpapi.NewLimiter(pacing.Rate{PerSecond: 1, Burst: 2}, 100), fixedNow()
	limiter.Take("a", now.Add(time.Second))
	// when a request that read its clock earlier takes the other one,
	limiter.Take("a", now)
	// then the time between the two gives no third token.
	if wait := limiter.Take("a", now.Add(time.Second)); wait != time.Second {
		t.Errorf("the next request waits %s, want 1s", wait)
	}
}
