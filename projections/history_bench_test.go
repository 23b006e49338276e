package projections_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

// BenchmarkQueries measures each query of ended sessions for a study with 100,000 sessions in three years: the newest page of the
// history, pages far behind it, and statistics of each period.
func BenchmarkQueries(b *testing.B) {
	server := postgrestest.Cluster(b, "fsync=on", "full_page_writes=on", "shared_buffers=128MB", "max_wal_size=2GB")
	pool, err := postgres.Connect(b.Context(), server.URL())
	check.NoError(b, err)
	b.Cleanup(pool.Close)
	_, err = postgres.Migrate(b.Context(), pool, migrations.Files)
	check.NoError(b, err)
	log, zone := slog.New(slog.DiscardHandler), seoul(b)
	store, err := eventstore.Open(b.Context(), pool, log)
	check.NoError(b, err)
	b.Cleanup(store.Close)
	prepared := projections.NewRebuilder(pool, store, log, func(int64, int64) {}).Prepare(b.Context(), projections.All(zone)...)
	if prepared != nil {
		b.Fatal(prepared)
	}
	_, err = pool.Exec(b.Context(), longPast)
	check.NoError(b, err)
	_, err = pool.Exec(b.Context(), `vacuum analyze`)
	check.NoError(b, err)
	history, users := projections.NewHistoryQueries(pool, store), projections.NewUserStatsQueries(pool, store)
	studies := projections.NewStudyStatsQueries(pool, store, zone)
	day := func(year int) *time.Time { at := date(year, 1, 1); return &at }
	page := func(page projections.HistoryPage) func() (int64, error) {
		return func() (int64, error) {
			found, err := history.Page(b.Context(), "long", page)
			return int64(len(found.Sessions)), err
		}
	}
	summary := func(days int) func() (int64, error) {
		return func() (int64, error) {
			found, err := studies.Summary(b.Context(), "long", days, date(2025, 11, 19))
			return found.MostActive.Sessions, err
		}
	}
	for _, c := range []struct {
		name string
		read func() (int64, error)
	}{
		{"history/page=1", page(projections.HistoryPage{Number: 1, Limit: 20})},
		{"history/page=1000", page(projections.HistoryPage{Number: 1000, Limit: 20})},
		{"history/page=5000", page(projections.HistoryPage{Number: 5000, Limit: 20})},
		{"history/page=1000,dates", page(projections.HistoryPage{Number: 1000, Limit: 20, From: day(2024), Before: day(2025)})},
		{"stats/users", func() (int64, error) {
			found, err := users.Summary(b.Context(), "long", "user-7")
			return found.Sessions, err
		}},
		{"stats/period=week", summary(7)},
		{"stats/period=month", summary(30)},
		{"stats/period=year", summary(365)},
		{"stats/period=all", summary(projections.AllDays)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if found, err := c.read(); err != nil || found == 0 {
					b.Fatal(found, err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(inMillis(took[len(took)/2]), "p50-ms")
			b.ReportMetric(inMillis(took[len(took)*99/100]), "p99-ms")
		})
	}
}
