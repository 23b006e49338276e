package projections_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

// BenchmarkLag measures the time from an acknowledged append to the committed fold, on a Postgres with durable commits: with one
// writer that pauses, and with 64 writers that append as fast as possible.
func BenchmarkLag(b *testing.B) {
	server := postgrestest.Cluster(b, "fsync=on", "full_page_writes=on", "shared_buffers=128MB", "max_wal_size=2GB")
	pool, err := postgres.Connect(b.Context(), server.URL(), postgres.WithMaxConns(20))
	check.NoError(b, err)
	b.Cleanup(pool.Close)
	_, err = postgres.Migrate(b.Context(), pool, migrations.Files)
	check.NoError(b, err)
	log := slog.New(slog.DiscardHandler)
	store, err := eventstore.Open(b.Context(), pool, log)
	check.NoError(b, err)
	b.Cleanup(store.Close)
	all := projections.All(seoul(b))
	check.NoError(b, projections.NewRebuilder(pool, store, log, func(int64, int64) {}).Prepare(b.Context(), all...))
	runInBackground(b, projections.NewRunner(store, log, all...))
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			var rates []float64
			var lags []time.Duration
			for b.Loop() {
				rate, sampled := measureLag(b, store, writers)
				rates, lags = append(rates, rate), append(lags, sampled...)
			}
			slices.Sort(lags)
			slices.Sort(rates)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(rates[len(rates)/2], "events/s")
			b.ReportMetric(inMillis(lags[len(lags)/2]), "p50-ms")
			b.ReportMetric(inMillis(lags[len(lags)*99/100]), "p99-ms")
		})
	}
}

// measureLag lets writers append for a second and measures the lag of one event in sixteen. A single writer waits until its event
// is folded, and pauses, before it appends the next.
func measureLag(b *testing.B, store *eventstore.Store, writers int) (perSecond float64, lags []time.Duration) {
	b.Helper()
	var mu sync.Mutex
	var writing, sampling sync.WaitGroup
	total := 0
	start := time.Now()
	sample := func(position int64) {
		acknowledged := time.Now()
		if err := store.WaitFor(b.Context(), projections.CheckpointName(projections.Sessions{}), position); err != nil {
			panic(err)
		}
		mu.Lock()
		defer mu.Unlock()
		lags = append(lags, time.Since(acknowledged))
	}
	for range writers {
		writing.Go(func() {
			w := newWriter(b.Context(), store)
			n := 0
			for ; time.Since(start) < time.Second; n++ {
				position := w.toggle(b.Context())
				if writers == 1 {
					sample(position)
					<-time.After(2 * time.Millisecond)
				} else if n%16 == 0 {
					sampling.Go(func() { sample(position) })
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total += n
		})
	}
	writing.Wait()
	elapsed := time.Since(start).Seconds()
	sampling.Wait()
	return float64(total) / elapsed, lags
}

// writer appends to its own stream.
type writer struct {
	store   *eventstore.Store
	stream  string
	session string
	version int64
	muted   bool
}

func newWriter(ctx context.Context, store *eventstore.Store) *writer {
	w := &writer{store: store, stream: eventstore.Stream(rand.Text()), session: rand.Text()}
	w.append(ctx,
		domain.SessionStarted{Fact: w.now(), StartedBy: "user-456"},
		domain.ParticipantJoined{Fact: w.now(), ParticipantID: rand.Text(), UserID: "user-456"})
	return w
}

func (w *writer) now() domain.Fact {
	return domain.Fact{SessionID: w.session, At: time.Now().UTC().Truncate(time.Millisecond)}
}

func (w *writer) toggle(ctx context.Context) int64 {
	w.muted = !w.muted
	if w.muted {
		return w.append(ctx, domain.AudioMuted{Fact: w.now(), UserID: "user-456"})
	}
	return w.append(ctx, domain.AudioUnmuted{Fact: w.now(), UserID: "user-456"})
}

func (w *writer) append(ctx context.Context, events ...domain.Event) int64 {
	position, err := w.store.Append(ctx, w.stream, w.version, events)
	if err != nil {
		panic(err)
	}
	w.version += int64(len(events))
	return position
}

func inMillis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
