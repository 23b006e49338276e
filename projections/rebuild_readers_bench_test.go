package projections_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// BenchmarkReadsDuringARebuild measures reads of history and statistics while the program rebuilds these in another process, and for
// the same time without a rebuild.
func BenchmarkReadsDuringARebuild(b *testing.B) {
	pool, store, events := seededLog(b, *rebuildEvents)
	three := projections.All(seoul(b))[1:]
	rebuilder := projections.NewRebuilder(pool, store, slog.New(slog.DiscardHandler), func(int64, int64) {})
	check.NoError(b, rebuilder.Prepare(b.Context(), projections.All(seoul(b))...))
	mustExec(b, pool, `vacuum analyze`)
	program := filepath.Join(b.TempDir(), "studycall")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", program, "../cmd/studycall").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	arguments := []string{"rebuild", "--database-url", pool.Config().ConnString()}
	for _, p := range three {
		arguments = append(arguments, p.Name())
	}
	var idle, during []time.Duration
	for b.Loop() {
		ctx, rebuilt := context.WithCancel(b.Context())
		var took time.Duration
		go func() {
			defer rebuilt()
			began := time.Now()
			if out, err := exec.CommandContext(b.Context(), program, arguments...).CombinedOutput(); err != nil {
				b.Errorf("%v\n%s", err, out)
			}
			took = time.Since(began)
		}()
		during = append(during, readWithPauses(ctx, b, pool, store)...)
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(b.Context(), took)
		idle = append(idle, readWithPauses(ctx, b, pool, store)...)
		cancel()
	}
	slices.Sort(idle)
	slices.Sort(during)
	p99 := func(d []time.Duration) float64 { return inMillis(d[len(d)*99/100]) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(events), "events")
	b.ReportMetric(float64(len(during)), "reads")
	b.ReportMetric(inMillis(idle[len(idle)/2]), "idle-p50-ms")
	b.ReportMetric(inMillis(during[len(during)/2]), "p50-ms")
	b.ReportMetric(p99(idle), "idle-p99-ms")
	b.ReportMetric(p99(during), "p99-ms")
	b.ReportMetric(p99(during)/p99(idle), "p99-ratio")
}

// readWithPauses runs four readers until ctx ends, each of which executes one query after the other, with a pause.
func readWithPauses(ctx context.Context, b *testing.B, pool *pgxpool.Pool, store *eventstore.Store) []time.Duration {
	b.Helper()
	history := projections.NewHistoryQueries(pool, store)
	users := projections.NewUserStatsQueries(pool, store)
	studies := projections.NewStudyStatsQueries(pool, store, seoul(b))
	questions := []func(n int) error{
		func(n int) error {
			_, err := history.Page(b.Context(), fmt.Sprintf("seed-1-study-%d", n), projections.HistoryPage{Number: 1 + rand.Int64N(10), Limit: 20})
			return err
		},
		func(n int) error {
			_, err := studies.Summary(b.Context(), fmt.Sprintf("seed-1-study-%d", n), 30, date(2025, 11, 19))
			return err
		},
		func(n int) error {
			_, err := studies.Summary(b.Context(), fmt.Sprintf("seed-1-study-%d", n), 365, date(2025, 11, 19))
			return err
		},
		func(n int) error {
			_, err := users.Summary(b.Context(), fmt.Sprintf("seed-1-study-%d", n), fmt.Sprintf("seed-1-user-%d-1", n))
			return err
		},
	}
	var mu sync.Mutex
	var readers sync.WaitGroup
	var all []time.Duration
	for range 4 {
		readers.Go(func() {
			var took []time.Duration
			for n := 0; ctx.Err() == nil; n++ {
				began := time.Now()
				if err := questions[n%len(questions)](1 + rand.IntN(100)); err != nil {
					b.Error(err)
					return
				}
				took = append(took, time.Since(began))
				select {
				case <-time.After(20 * time.Millisecond):
				case <-ctx.Done():
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	readers.Wait()
	return all
}

func mustExec(b *testing.B, pool *pgxpool.Pool, sql string) {
	b.Helper()
	if _, err := pool.Exec(b.Context(), sql); err != nil {
		b.Fatal(sql, err)
	}
}
