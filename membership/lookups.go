package membership

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/studycall/studycall/postgres"
)

// lookups caches the results of one kind of lookup and shares queries between callers.
//
// x/sync's singleflight shares whole requests, and these are lists that overlap: with an inflight query for each key, a list
// queries only the keys that no other caller is querying. The LRU is simplelru, under the same lock as the inflight queries: the
// expirable one has a clock of its own, and drops entries that are still needed in an outage.
type lookups[K comparable, V any] struct {
	fetch func(ctx context.Context, keys []K) (map[K]V, error)
	// usableInOutage reports whether an entry is valid for CacheSettings.Known, and not for Fresh alone.
	usableInOutage func(V) bool
	settings       CacheSettings
	outage         *outage

	mu       sync.Mutex
	cache    *simplelru.LRU[K, entry[V]]
	inflight map[K]*query[K, V]
}

// entry is the directory's answer for one key. found is false if the directory has no value.
type entry[V any] struct {
	value V
	found bool
	asked time.Time // before the query was sent: the entry has no older state
}

// query is a query in flight. values and err may be read once done is closed.
type query[K comparable, V any] struct {
	asked  time.Time
	done   chan struct{}
	values map[K]V
	err    error
}

func newLookups[K comparable, V any](settings CacheSettings, outage *outage, size int,
	usableInOutage func(V) bool, fetch func(context.Context, []K) (map[K]V, error),
) (*lookups[K, V], error) {
	cache, err := simplelru.NewLRU[K, entry[V]](size, nil)
	if err != nil {
		return nil, fmt.Errorf("a cache of %d: %w", size, err)
	}
	return &lookups[K, V]{
		fetch: fetch, usableInOutage: usableInOutage, settings: settings, outage: outage, cache: cache, inflight: map[K]*query[K, V]{},
	}, nil
}

// cached returns the cached value for a key; ok is false if there is no entry younger than age.
func (l *lookups[K, V]) cached(key K, age time.Duration) (value V, ok bool) {
	now := l.settings.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	got, ok := l.cache.Get(key)
	return got.value, ok && now.Sub(got.asked) < age
}

// get returns the values of the keys that have one, from entries younger than age.
func (l *lookups[K, V]) get(ctx context.Context, keys []K, age time.Duration) (map[K]V, error) {
	found := make(map[K]V, len(keys))
	for key, q := range l.start(ctx, keys, age, found) {
		select {
		case <-q.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the membership database: %w", ctx.Err())
		}
		if q.err != nil {
			if err := l.useOldEntry(key, q.err, found); err != nil {
				return nil, err
			}
		} else if value, ok := q.values[key]; ok {
			found[key] = value
		}
	}
	return found, nil
}

// start puts valid cached values into found, and returns a query for each other key: one in flight, or a new one for all keys
// that have none.
func (l *lookups[K, V]) start(ctx context.Context, keys []K, age time.Duration, found map[K]V) map[K]*query[K, V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.settings.Now()
	queries := map[K]*query[K, V]{}
	own := &query[K, V]{asked: now}
	var missing []K
	for _, key := range keys {
		if got, ok := l.cache.Get(key); ok && now.Sub(got.asked) < age {
			if got.found {
				found[key] = got.value
			}
			continue
		}
		if queries[key] != nil {
			continue // a repeated key
		}
		// A query older than the age would give too old a value.
		if other := l.inflight[key]; other != nil && now.Sub(other.asked) <= age {
			queries[key] = other
			continue
		}
		queries[key] = own
		missing = append(missing, key)
	}
	if len(missing) > 0 {
		l.run(ctx, own, missing)
	}
	return queries
}

// run starts the query in the background. It goes on when the caller's context ends, because others may share it. The caller
// holds the lock.
func (l *lookups[K, V]) run(ctx context.Context, q *query[K, V], keys []K) {
	q.done = make(chan struct{})
	if q.err = l.outage.refuse(q.asked); q.err != nil {
		close(q.done)
		return
	}
	for _, key := range keys {
		l.inflight[key] = q
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.settings.QueryTimeout)
		defer cancel()
		q.values, q.err = l.fetch(ctx, keys)
		l.finish(q, keys)
	}()
}

// finish caches the query's result, unless the result of a later query is cached already.
func (l *lookups[K, V]) finish(q *query[K, V], keys []K) {
	l.outage.record(q.err)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		if l.inflight[key] == q {
			delete(l.inflight, key)
		}
		if old, ok := l.cache.Peek(key); q.err == nil && (!ok || !old.asked.After(q.asked)) {
			value, found := q.values[key]
			l.cache.Add(key, entry[V]{value, found, q.asked})
		}
	}
	close(q.done)
}

// useOldEntry puts the cached value into found after a failed query, if it is valid in an outage. Otherwise it returns the error.
func (l *lookups[K, V]) useOldEntry(key K, err error, found map[K]V) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	got, ok := l.cache.Get(key)
	switch {
	case ok && l.usableInOutage(got.value) && l.settings.Now().Sub(got.asked) < l.settings.Known:
		if got.found {
			found[key] = got.value
		}
		return nil
	case errors.Is(err, context.Canceled):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// ErrUnavailable says that the directory gave no answer, for whatever reason. Nobody may be refused because of it. It is
// retryable.
var ErrUnavailable = errors.New("users and members cannot be looked up now")

const (
	// retryEvery is the interval between two queries to an unavailable directory. A dead address takes long to fail: every
	// request that waited for it would hold a connection and a caller.
	retryEvery = time.Second
	// logEvery is the interval at which failures of single queries are logged.
	logEvery = 10 * time.Second
)

// outage records whether the directory is unavailable. Safe for concurrent use.
type outage struct {
	now func() time.Time
	log *slog.Logger

	mu      sync.Mutex
	err     error // nil: the directory is available
	retryAt time.Time
	logAt   time.Time
}

// refuse returns nil if the directory may be queried, otherwise the error of the outage.
func (o *outage) refuse(now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return nil
	}
	if now.Before(o.retryAt) {
		return fmt.Errorf("the membership database is unavailable: %w", o.err)
	}
	o.retryAt = now.Add(retryEvery) // this caller retries; the others do not wait for it
	return nil
}

// record takes the result of a query. An error about the query itself, such as a revoked right, is no outage, because the next
// query may be another one. Both are logged, because callers may have got an older answer.
func (o *outage) record(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	// After a timeout or a conflict, the next query would likely wait as long for nothing.
	if postgres.Unavailable(err) || postgres.Blocked(err) {
		if o.err == nil {
			o.log.Warn("the membership database is unavailable: members known from the last minute go on, others get 503", "error", err)
		}
		o.err, o.retryAt = err, now.Add(retryEvery)
		return
	}
	if o.err != nil {
		o.err = nil
		o.log.Info("the membership database is available again")
	}
	if err != nil && !now.Before(o.logAt) {
		o.logAt = now.Add(logEvery)
		o.log.Warn("a query of the membership database failed: members known from the last minute go on, others get 503", "error", err)
	}
}
