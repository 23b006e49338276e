package httpapi

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/studycall/studycall/pacing"
)

// ClientAddress shows clientAddress to the tests, and the network that is counted for it.
func ClientAddress(r *http.Request, proxies []netip.Prefix) (client, counted netip.Addr) {
	client = clientAddress(r, proxies)
	return client, household(client)
}

// Limiter shows the limiter to the tests.
type Limiter struct{ *limiter[string] }

// NewLimiter makes one that keeps so many buckets.
func NewLimiter(rate pacing.Rate, buckets int) Limiter {
	return Limiter{newLimiter[string](rate, buckets)}
}

// Take shows take.
func (l Limiter) Take(key string, now time.Time) time.Duration { return l.take(key, now) }

// Buckets is how many it keeps.
func (l Limiter) Buckets() int { return l.buckets.Len() }
