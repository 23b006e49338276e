package httpapi

import (
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// bucketLimit bounds the memory of a limiter to some 15 MB.
const bucketLimit = 50_000

// limiter is a token bucket for each key, for at most size keys. When a new key needs a bucket, the one that was unused for
// longest makes room, if it is full again and so holds no information. If it is not full, somebody has filled the table from
// many networks at once. All new keys then share one bucket, so that nobody gets a fresh burst by crowding others out.
type limiter[K comparable] struct {
	limit rate.Limit
	burst int
	size  int

	mu      sync.Mutex
	buckets *simplelru.LRU[K, *rate.Limiter]
	shared  *rate.Limiter
}

// newLimiter makes the limiter of a rate; nil for no limit. A nil limiter must not be used.
func newLimiter[K comparable](perKey Rate, size int) *limiter[K] {
	if perKey.PerSecond <= 0 {
		return nil
	}
	buckets, err := simplelru.NewLRU[K, *rate.Limiter](size, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	l := &limiter[K]{limit: rate.Limit(perKey.PerSecond), burst: max(perKey.Burst, 1), size: size, buckets: buckets}
	l.shared = rate.NewLimiter(l.limit, l.burst)
	return l
}

// take takes a token from the key's bucket and returns 0. If the bucket is empty, it takes nothing and returns the time until
// the next token.
func (l *limiter[K]) take(key K, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.bucket(key, now)
	if bucket.AllowN(now, 1) {
		return 0
	}
	missing := 1 - bucket.TokensAt(now)
	return time.Duration(math.Ceil(missing / float64(l.limit) * float64(time.Second)))
}

// bucket finds or makes the bucket of the key.
func (l *limiter[K]) bucket(key K, now time.Time) *rate.Limiter {
	if bucket, known := l.buckets.Get(key); known {
		return bucket
	}
	if l.buckets.Len() == l.size {
		_, oldest, _ := l.buckets.GetOldest()
		if oldest.TokensAt(now) < float64(l.burst) {
			return l.shared
		}
	}
	bucket := rate.NewLimiter(l.limit, l.burst)
	l.buckets.Add(key, bucket)
	return bucket
}
