package httpapi

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/studycall/studycall/pacing"
)

// ClientAddress returns the result of clientAddress, and the network that a limiter counts for it.
func ClientAddress(r *http.Request, proxies []netip.Prefix) (client, counted netip.Addr) {
	client = clientAddress(r, proxies)
	return client, household(client)
}

// Limiter is a limiter with text keys.
type Limiter struct{ *limiter[string] }

// NewLimiter makes a limiter with the number of buckets.
func NewLimiter(rate pacing.Rate, buckets int) Limiter {
	return Limiter{newLimiter[string](rate, buckets)}
}

// Take calls take.
func (l Limiter) Take(key string, now time.Time) time.Duration { return l.take(key, now) }

// Buckets returns the number of buckets in use.
func (l Limiter) Buckets() int { return l.buckets.Len() }
