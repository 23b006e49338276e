package httpapi

import (
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// bucketLimit bounds the memory of a limiter to some 10 MB.
const bucketLimit = 50_000

// limiter keeps a token bucket for each key. All that there is to know of a bucket is when it will be full again: the
// time from now until then is what is missing, and may be a burst's worth at most.
//
// It keeps a bounded number of them. One that is full again can be forgotten, which is what becomes of those not asked of for
// longest. If not even these are full, somebody has filled the table, from many networks at once; then whoever is new shares
// one bucket, so that nobody gets a burst anew by having been crowded out.
type limiter[K comparable] struct {
	interval time.Duration // in which one token comes in
	capacity time.Duration // in which an empty bucket fills
	size     int

	mu     sync.Mutex
	fullAt *simplelru.LRU[K, time.Time]
	shared time.Time // when the bucket of those that found no place will be full
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
	return &limiter[K]{interval: interval, capacity: interval * time.Duration(max(rate.Burst, 1)), size: buckets, fullAt: fullAt}
}

// take takes a token out of the key's bucket. If there is none it leaves everything as it is, and says when one will be.
func (l *limiter[K]) take(key K, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fullAt, known := l.fullAt.Get(key)
	crowded := false
	if !known && l.fullAt.Len() == l.size {
		_, oldest, _ := l.fullAt.GetOldest()
		crowded = oldest.After(now)
	}
	if crowded {
		fullAt = l.shared
	}
	if fullAt.Before(now) {
		fullAt = now
	}
	fullAt = fullAt.Add(l.interval)
	if wait = fullAt.Sub(now) - l.capacity; wait > 0 {
		return wait
	}
	if crowded {
		l.shared = fullAt
	} else {
		l.fullAt.Add(key, fullAt)
	}
	return 0
}
