package httpapi

import (
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/domain"
)

// Rate is how often somebody may ask: so many times a second in the long run, and Burst times at once. The zero Rate, and
// every other with nothing per second, is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// bucketLimit bounds the memory of a limiter to some 10 MB. Beyond, whoever has not asked for longest is forgotten, and
// could ask a burst anew: 50,000 others have to ask in the meantime.
const bucketLimit = 50_000

// limiter keeps a token bucket for each key. All that there is to know of a bucket is when it will be full again: the
// time from now until then is what is missing, and may be a burst's worth at most.
type limiter[K comparable] struct {
	interval time.Duration // in which one token comes in
	capacity time.Duration // in which an empty bucket fills

	mu     sync.Mutex
	fullAt *simplelru.LRU[K, time.Time]
}

// newLimiter makes the limiter of a rate, nil for no limit.
func newLimiter[K comparable](rate Rate, buckets int) *limiter[K] {
	if rate.PerSecond <= 0 {
		return nil
	}
	interval := time.Duration(math.Max(float64(time.Second)/rate.PerSecond, 1))
	fullAt, err := simplelru.NewLRU[K, time.Time](buckets, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &limiter[K]{interval: interval, capacity: interval * time.Duration(max(rate.Burst, 1)), fullAt: fullAt}
}

// take takes a token out of the key's bucket. If there is none it leaves everything as it is, and says when one will be.
func (l *limiter[K]) take(key K, now time.Time) (wait time.Duration) {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fullAt, known := l.fullAt.Get(key)
	if !known || fullAt.Before(now) {
		fullAt = now
	}
	fullAt = fullAt.Add(l.interval)
	if wait = fullAt.Sub(now) - l.capacity; wait > 0 {
		return wait
	}
	l.fullAt.Add(key, fullAt)
	return 0
}

// limited answers a caller who has to wait, and says for how long: Retry-After counts in whole seconds.
func limited(c echo.Context, whose string, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	seconds := int64(math.Ceil(wait.Seconds()))
	c.Response().Header().Set(echo.HeaderRetryAfter, strconv.FormatInt(seconds, 10))
	return &domain.Error{Code: domain.RateLimited, Details: map[string]any{"limit": whose, "retryAfter": seconds}}
}

// limitAddress counts the request for the address that it comes from, whoever sends it, and before anything is done for
// it: so it bounds the guessing of tokens, too.
func (s *server) limitAddress(c echo.Context) error {
	if s.addresses == nil || watched(c.Path()) {
		return nil
	}
	address := household(clientAddress(c.Request(), s.Security.Proxies))
	return limited(c, "address", s.addresses.take(address, s.Now()))
}

// limitUser counts the request for the user who has proved to send it.
func (s *server) limitUser(c echo.Context, userID string) error {
	if s.users == nil {
		return nil
	}
	return limited(c, "user", s.users.take(userID, s.Now()))
}

// watched are the routes that tell operators and their balancers how the server is. They must answer under any load.
func watched(route string) bool {
	return route == "/health" || route == "/ready" || route == "/metrics"
}
