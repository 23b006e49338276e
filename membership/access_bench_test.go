package membership_test

import (
	"log/slog"
	"testing"

	"github.com/studycall/studycall/membership"
)

// BenchmarkAccess makes the two lookups of each request, with and without the cache.
func BenchmarkAccess(b *testing.B) {
	pool := example(b)
	tables := membership.NewTables(pool)
	cached, err := membership.NewCached(tables, membership.DefaultCacheSettings(slog.New(slog.DiscardHandler)))
	if err != nil {
		b.Fatal(err)
	}
	for name, directory := range map[string]membership.Directory{"cached": cached, "database": tables} {
		access := membership.NewAccess(directory)
		ask := func() error {
			if _, err := access.Account(b.Context(), "user-789"); err != nil {
				return err
			}
			return access.ActiveMember(b.Context(), "study-123", "user-789")
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+", many at once", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(loop *testing.PB) {
				for loop.Next() {
					if err := ask(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
