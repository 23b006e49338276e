package projections_test

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
	"github.com/studycall/studycall/seed"
)

// rebuildEvents is the approximate length of the log of BenchmarkRebuild; docs/benchmarks.md has figures for five million.
var rebuildEvents = flag.Int("rebuild-events", 1_000_000, "events in the log of BenchmarkRebuild")

// copySQL reads the columns that a rebuild reads, as fast as Postgres sends them.
const copySQL = `copy (select position, stream_id, session_id, type, schema, data, occurred_at from events order by position) to stdout`

// BenchmarkRebuild compares the rebuild of history and statistics with its limit: Postgres sending the same columns of the same
// log, which are discarded.
func BenchmarkRebuild(b *testing.B) {
	pool, store, events := seededLog(b, *rebuildEvents)
	rebuilder := projections.NewRebuilder(pool, store, slog.New(slog.DiscardHandler), func(int64, int64) {})
	three := projections.All(seoul(b))[1:]
	var ratios, rates, peaks []float64
	for b.Loop() {
		began := time.Now()
		check.NoError(b, copyLog(b.Context(), pool))
		limit := time.Since(began)
		peak := watchMemory(b)
		began = time.Now()
		check.NoError(b, rebuilder.Rebuild(b.Context(), three...))
		took := time.Since(began)
		rates = append(rates, float64(events)/took.Seconds())
		ratios = append(ratios, limit.Seconds()/took.Seconds())
		peaks = append(peaks, float64(peak())/(1<<20))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(events), "events")
	b.ReportMetric(middle(rates), "events/s")
	b.ReportMetric(middle(ratios), "ratio")
	b.ReportMetric(slices.Max(peaks), "peak-MB")
}

func copyLog(ctx context.Context, pool *pgxpool.Pool) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	_, err = conn.Conn().PgConn().CopyTo(ctx, io.Discard, copySQL)
	return err
}

// watchMemory samples the memory that the process has obtained from the system and not returned, until peak is called.
func watchMemory(b *testing.B) (peak func() uint64) {
	b.Helper()
	debug.FreeOSMemory()
	var highest atomic.Uint64
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			highest.Store(max(highest.Load(), m.Sys-m.HeapReleased))
			select {
			case <-tick.C:
			case <-stop:
				return
			case <-b.Context().Done():
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-ended
		return highest.Load()
	}
}

// seededLog creates a log of approximately the given length, on a Postgres with durable commits and current planner statistics.
func seededLog(b *testing.B, about int) (*pgxpool.Pool, *eventstore.Store, int64) {
	b.Helper()
	server := postgrestest.Cluster(b, "fsync=on", "full_page_writes=on", "shared_buffers=128MB", "max_wal_size=2GB")
	pool, err := postgres.Connect(b.Context(), server.URL(), postgres.WithMaxConns(20))
	check.NoError(b, err)
	b.Cleanup(pool.Close)
	_, err = postgres.Migrate(b.Context(), pool, migrations.Files)
	check.NoError(b, err)
	store, err := eventstore.Open(b.Context(), pool, slog.New(slog.DiscardHandler))
	check.NoError(b, err)
	b.Cleanup(store.Close)
	const studies, eventsInASession = 100, 35
	past := seed.Past{Seed: 1, Sessions: max(1, about/studies/eventsInASession), Until: time.Date(2025, 11, 20, 0, 0, 0, 0, seoul(b))}
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(8)
	for n := range studies {
		group.Go(func() error {
			study, version := past.Study(n+1), int64(0)
			for events := range study.Sessions() {
				if _, err := store.Append(ctx, eventstore.Stream(study.ID), version, events); err != nil {
					return err
				}
				version += int64(len(events))
			}
			return nil
		})
	}
	check.NoError(b, group.Wait())
	_, err = pool.Exec(b.Context(), `vacuum analyze events`)
	check.NoError(b, err)
	head, err := store.Head(b.Context())
	check.NoError(b, err)
	return pool, store, head
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
