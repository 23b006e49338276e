package commands_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// durable are the settings of a Postgres that loses nothing in a crash, unlike the usual one of the tests.
var durable = []string{"fsync=on", "full_page_writes=on", "synchronous_commit=on", "max_connections=120", "shared_buffers=128MB",
	"max_wal_size=2GB"}

// BenchmarkCommands compares commands through the handlers, one caller per study, with their upper limit: as many
// connections, each of which inserts rows of the same shape one by one and commits each.
func BenchmarkCommands(b *testing.B) {
	b.Run("disk=this", func(b *testing.B) { compareCommands(b, durable) })
	// Every flush of the log waits 2 ms.
	b.Run("disk=2ms", func(b *testing.B) { compareCommands(b, append(durable, "commit_delay=2000", "commit_siblings=0")) })
}

func compareCommands(b *testing.B, settings []string) {
	b.Helper()
	store, pool := benchStore(b, settings)
	exec(b, pool, `create table plain (like events including defaults)`)
	exec(b, pool, `alter table plain add primary key (position), add unique (stream_id, version)`)
	exec(b, pool, `create sequence plain_position`)
	for _, callers := range []int{1, 8, 32, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			handlers, err := commands.New(store, everyone{}, commands.DefaultSettings(), rand.Text)
			if err != nil {
				b.Fatal(err)
			}
			plain := plainInserts(b, pool, callers)
			toggles := togglesOf(b, handlers, callers)
			var ratios, commandRates, insertRates []float64
			var latencies []time.Duration
			for b.Loop() {
				insertRate, _ := measure(callers, plain)
				commandRate, took := measure(callers, toggles)
				insertRates, commandRates = append(insertRates, insertRate), append(commandRates, commandRate)
				ratios = append(ratios, commandRate/insertRate)
				latencies = append(latencies, took...)
			}
			slices.Sort(latencies)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(commandRates), "commands/s")
			b.ReportMetric(median(insertRates), "inserts/s")
			b.ReportMetric(median(ratios), "ratio")
			b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// round is how long each side of a comparison runs at a time.
const round = time.Second

// measure runs do in a loop from each caller for a round. It returns the rate and the duration of each call.
func measure(callers int, do func(caller, n int) error) (perSecond float64, latencies []time.Duration) {
	var mu sync.Mutex
	var all sync.WaitGroup
	start := time.Now()
	for caller := range callers {
		all.Go(func() {
			var mine []time.Duration
			for n := 0; time.Since(start) < round; n++ {
				began := time.Now()
				if err := do(caller, n); err != nil {
					panic(err)
				}
				mine = append(mine, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, mine...)
		})
	}
	all.Wait()
	return float64(len(latencies)) / time.Since(start).Seconds(), latencies
}

func plainInserts(b *testing.B, pool *pgxpool.Pool, callers int) func(caller, n int) error {
	b.Helper()
	conns := make([]*pgxpool.Conn, callers)
	for i := range conns {
		conn, err := pool.Acquire(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(conn.Release)
		conns[i] = conn
	}
	run := rand.Text()
	versions := make([]int64, callers)
	return func(caller, _ int) error {
		versions[caller]++
		_, err := conns[caller].Exec(context.Background(), `insert into plain
			(position, stream_id, version, session_id, type, schema, data, occurred_at)
			values (nextval('plain_position'), $1, $2, $3, $4, $5, $6, $7)`,
			fmt.Sprintf("call-%s-%d", run, caller), versions[caller], run, "AudioMuted", 1, `{"userId":"user-456"}`, time.Now())
		return err
	}
}

func togglesOf(b *testing.B, handlers *commands.Handlers, callers int) func(caller, n int) error {
	b.Helper()
	run := rand.Text()
	sessions := make([]string, callers)
	study := func(caller int) string { return fmt.Sprintf("%s-%d", run, caller) }
	for i := range sessions {
		started, err := handlers.StartSession(b.Context(), commands.StartSession{StudyID: study(i), UserID: "user-456", At: time.Now()})
		if err != nil {
			b.Fatal(err)
		}
		sessions[i] = started.SessionID
		if _, err := handlers.JoinSession(b.Context(), commands.JoinSession{
			StudyID: study(i), SessionID: started.SessionID, UserID: "user-456", At: time.Now(),
		}); err != nil {
			b.Fatal(err)
		}
	}
	muted := make([]bool, callers)
	return func(caller, _ int) error {
		muted[caller] = !muted[caller]
		_, err := handlers.SetToggle(context.Background(), study(caller), domain.SetToggle{
			SessionID: sessions[caller], UserID: "user-456", Toggle: domain.Muted, On: muted[caller], At: time.Now(),
		})
		return err
	}
}

// everyone accepts every user: memberships are not part of the measurement.
type everyone struct{}

func (everyone) ActiveMember(context.Context, string, string) error { return nil }

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// benchStore opens an event store on a Postgres of its own.
func benchStore(b *testing.B, settings []string) (*eventstore.Store, *pgxpool.Pool) {
	b.Helper()
	server := postgrestest.Cluster(b, settings...)
	pool, err := postgres.Connect(b.Context(), server.URL(), postgres.WithMaxConns(70))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if _, err := postgres.Migrate(b.Context(), pool, migrations.Files); err != nil {
		b.Fatal(err)
	}
	store, err := eventstore.Open(b.Context(), pool, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(store.Close)
	return store, pool
}

func exec(b *testing.B, pool *pgxpool.Pool, sql string) {
	b.Helper()
	if _, err := pool.Exec(b.Context(), sql); err != nil {
		b.Fatal(err)
	}
}
