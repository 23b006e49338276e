package membership

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// answers keeps what was asked lately, of one kind.
//
// x/sync's singleflight shares a question whole, and ours are lists that overlap: with a flight noted under each of its
// keys, a list asks only for what nobody is asking for. The LRU is the plain one, under the same lock as the flights: the
// expirable one has a clock of its own, and forgets what is still needed in an outage.
type answers[K comparable, V any] struct {
	fetch    func(ctx context.Context, keys []K) (map[K]V, error)
	lasts    func(V) bool // whether an answer counts for CacheSettings.Known, and not for Fresh alone
	settings CacheSettings
	away     *outage

	mu      sync.Mutex
	kept    *simplelru.LRU[K, answer[V]]
	flights map[K]*flight[K, V]
}

// answer is what the directory said of one key: what is there, or that nothing is.
type answer[V any] struct {
	value V
	there bool
	asked time.Time // before the query was sent, so that nothing older than that is in it
}

// flight is a query under way. Its result may be read once it has landed.
type flight[K comparable, V any] struct {
	asked  time.Time
	landed chan struct{}
	values map[K]V
	err    error
}

func newAnswers[K comparable, V any](settings CacheSettings, away *outage, size int,
	lasts func(V) bool, fetch func(context.Context, []K) (map[K]V, error),
) (*answers[K, V], error) {
	kept, err := simplelru.NewLRU[K, answer[V]](size, nil)
	if err != nil {
		return nil, fmt.Errorf("a cache of %d: %w", size, err)
	}
	return &answers[K, V]{
		fetch: fetch, lasts: lasts, settings: settings, away: away, kept: kept, flights: map[K]*flight[K, V]{},
	}, nil
}

// fresh is the kept answer for a key, ok if it is younger than the age.
func (a *answers[K, V]) fresh(key K, age time.Duration) (value V, there, ok bool) {
	now := a.settings.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	got, kept := a.kept.Get(key)
	return got.value, got.there, kept && now.Sub(got.asked) < age
}

// get is the values of the keys that have one, by answers younger than the age.
func (a *answers[K, V]) get(ctx context.Context, keys []K, age time.Duration) (map[K]V, error) {
	found := make(map[K]V, len(keys))
	boarded := a.board(ctx, keys, age, found)
	for key, f := range boarded {
		select {
		case <-f.landed:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the membership database: %w", ctx.Err())
		}
		if f.err != nil {
			if err := a.fallBack(key, f.err, found); err != nil {
				return nil, err
			}
		} else if value, there := f.values[key]; there {
			found[key] = value
		}
	}
	return found, nil
}

// board puts what is kept and counts into found, and gives the flights that bring the rest; it starts one for what is in none.
func (a *answers[K, V]) board(ctx context.Context, keys []K, age time.Duration, found map[K]V) map[K]*flight[K, V] {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.settings.Now()
	var boarded map[K]*flight[K, V]
	var ours []K
	for _, key := range keys {
		if got, kept := a.kept.Get(key); kept && now.Sub(got.asked) < age {
			if got.there {
				found[key] = got.value
			}
			continue
		}
		if boarded == nil {
			boarded = map[K]*flight[K, V]{}
		}
		if boarded[key] != nil {
			continue // asked for twice
		}
		// Whose question is older than an answer may be, cannot answer ours.
		if f := a.flights[key]; f != nil && now.Sub(f.asked) <= age {
			boarded[key] = f
			continue
		}
		ours = append(ours, key)
		boarded[key] = &flight[K, V]{} // taken; the real one is below
	}
	if len(ours) == 0 {
		return boarded
	}
	f := a.depart(ctx, ours, now)
	for _, key := range ours {
		boarded[key] = f
	}
	return boarded
}

// depart starts a flight. The caller holds the lock. The flight is not the caller's alone, so it goes on without it.
func (a *answers[K, V]) depart(ctx context.Context, keys []K, now time.Time) *flight[K, V] {
	f := &flight[K, V]{asked: now, landed: make(chan struct{})}
	if f.err = a.away.refuse(now); f.err != nil {
		close(f.landed)
		return f
	}
	for _, key := range keys {
		a.flights[key] = f
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.settings.Patience)
		defer cancel()
		f.values, f.err = a.fetch(ctx, keys)
		a.land(f, keys)
	}()
	return f
}

func (a *answers[K, V]) land(f *flight[K, V], keys []K) {
	a.away.heard(f.err)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range keys {
		if a.flights[key] == f {
			delete(a.flights, key)
		}
		if f.err == nil {
			a.keep(f, key)
		}
	}
	close(f.landed)
}

// keep keeps the flight's answer for a key, unless one to a later question is there already. The caller holds the lock.
func (a *answers[K, V]) keep(f *flight[K, V], key K) {
	if old, kept := a.kept.Peek(key); kept && old.asked.After(f.asked) {
		return
	}
	value, there := f.values[key]
	a.kept.Add(key, answer[V]{value, there, f.asked})
}

// fallBack takes the kept answer for a question that was asked in vain, if it is not too old; else it gives the error.
func (a *answers[K, V]) fallBack(key K, err error, found map[K]V) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	got, kept := a.kept.Get(key)
	if !kept || !a.lasts(got.value) || a.settings.Now().Sub(got.asked) >= a.settings.Known {
		return inVain(err)
	}
	if got.there {
		found[key] = got.value
	}
	return nil
}
