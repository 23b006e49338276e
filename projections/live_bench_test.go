package projections_test

import (
	"flag"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// liveEvents is the approximate length of the log of BenchmarkLive.
var liveEvents = flag.Int("live-events", 100_000, "events in the log of BenchmarkLive")

// liveSlice is the number of events in the subscriber's slices.
const liveSlice = 500

// BenchmarkLive measures how fast the live folds fold a log from its beginning into empty tables with their indexes: the sessions
// projection alone, and all four concurrently. The limit is writing the same rows, without reading or folding: for each slice of
// the log one transaction, with one batch of one upsert for each row that the slice changes.
func BenchmarkLive(b *testing.B) {
	pool, store, events := seededLog(b, *liveEvents)
	all := projections.All(seoul(b))
	rebuilder := projections.NewRebuilder(pool, store, slog.New(slog.DiscardHandler), func(int64, int64) {})
	check.NoError(b, rebuilder.Rebuild(b.Context(), all...))
	final := readFinal(b, pool)
	measured := []struct {
		name        string
		projections []projections.Projection
		tables      []finalTable
		writes      [][]upsert
	}{
		{"sessions", all[:1], final[:2], touched(b, store, final, final[:2])},
		{"all", all, final, touched(b, store, final, final)},
	}
	for _, t := range final {
		if len(t.rows) == 0 {
			b.Fatalf("%s is empty", t.name)
		}
	}
	rates, limits, ratios := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for _, m := range measured {
			empty(b, pool)
			live := liveFolds(b, pool, events, m.projections)
			mustBeFinal(b, pool, m.tables)
			empty(b, pool)
			limit := writeAll(b, pool, m.writes)
			mustBeFinal(b, pool, m.tables)
			rates[m.name] = append(rates[m.name], float64(events)/live.Seconds())
			limits[m.name] = append(limits[m.name], float64(events)/limit.Seconds())
			ratios[m.name] = append(ratios[m.name], limit.Seconds()/live.Seconds())
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(events), "events")
	for _, m := range measured {
		b.ReportMetric(middle(rates[m.name]), m.name+"-events/s")
		b.ReportMetric(middle(limits[m.name]), m.name+"-limit-events/s")
		b.ReportMetric(middle(ratios[m.name]), m.name+"-ratio")
	}
}

// empty truncates the tables and resets the checkpoints.
func empty(b *testing.B, pool *pgxpool.Pool) {
	b.Helper()
	if _, err := pool.Exec(b.Context(), `truncate sessions.sessions, sessions.participants, history.sessions, user_stats.totals,
		study_stats.days, study_stats.user_days; update checkpoints set position = 0`); err != nil {
		b.Fatal(err)
	}
}

// liveFolds returns how long the projections take to fold the whole log, on a new store.
func liveFolds(b *testing.B, pool *pgxpool.Pool, events int64, chosen []projections.Projection) time.Duration {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	store, err := eventstore.Open(b.Context(), pool, log)
	check.NoError(b, err)
	defer store.Close()
	began := time.Now()
	stop := runInBackground(b, projections.NewRunner(store, log, chosen...))
	defer stop()
	for _, p := range chosen {
		check.NoError(b, store.WaitFor(b.Context(), projections.CheckpointName(p), events))
	}
	return time.Since(began)
}
