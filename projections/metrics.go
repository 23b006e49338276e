package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"
)

// scrapeTimeout bounds the query of one scrape.
const scrapeTimeout = 3 * time.Second

// Metrics exports the status of the projections to Prometheus. Each scrape reads it from the database, so all servers export the
// same values whichever of them runs a projection, except for the comparison with their own versions.
type Metrics struct {
	pool                                *pgxpool.Pool
	ours                                []Projection
	head, position, lag, stopped, other *prometheus.Desc
}

// NewMetrics returns the collector of a server that folds and reads the projections ours. It may be used concurrently.
func NewMetrics(pool *pgxpool.Pool, ours ...Projection) *Metrics {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("studycall_"+name, help, labels, nil)
	}
	return &Metrics{
		pool:     pool,
		ours:     ours,
		head:     describe("log_head", "Position of the last event in the log."),
		position: describe("projection_position", "Position of the last event in the projection's tables.", "projection"),
		lag:      describe("projection_lag_events", "Events in the log that are not in the projection's tables yet.", "projection"),
		stopped:  describe("projection_stopped", "1 while the projection is stopped at an event that it cannot fold.", "projection"),
		other: describe("projection_other_version", "1 while the projection's tables are of another version, or statistics time zone, "+
			"than this server, which neither folds nor reads them.", "projection"),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.head, m.position, m.lag, m.stopped, m.other} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector. While the database is unavailable there are no values.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	statuses, err := ReadStatus(ctx, m.pool, m.ours...)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(m.head, err)
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	flag := map[bool]float64{true: 1}
	for i, s := range statuses {
		if i == 0 {
			gauge(m.head, float64(s.Head))
		}
		gauge(m.position, float64(s.Position), s.Name)
		gauge(m.lag, float64(s.Lag), s.Name)
		gauge(m.stopped, flag[s.State == Stopped], s.Name)
		gauge(m.other, flag[s.State == OtherVersion], s.Name)
	}
}

// readinessTimeout bounds a query, which goes on after the requests that wait for it have ended.
const readinessTimeout = 2 * time.Second

// Readiness reports whether the database is available, and the status of the projections. Concurrent calls share one query,
// because unauthenticated clients may call it at any rate.
type Readiness struct {
	pool  *pgxpool.Pool
	ours  []Projection
	query singleflight.Group
}

// NewReadiness returns the readiness of a server that folds and reads the projections ours on pool's database.
func NewReadiness(pool *pgxpool.Pool, ours ...Projection) *Readiness {
	return &Readiness{pool: pool, ours: ours}
}

// Ready returns the status of the projections. A projection that is stopped, or whose tables are of another version, does not
// make the service unready: everything that does not read its tables works. The error is ctx's or the database's. Ready may be
// called concurrently.
func (r *Readiness) Ready(ctx context.Context) (any, error) {
	result := r.query.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readinessTimeout)
		defer cancel()
		return r.read(ctx)
	})
	select {
	case found := <-result:
		return found.Val, found.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Readiness) read(ctx context.Context) (any, error) {
	statuses, err := ReadStatus(ctx, r.pool, r.ours...)
	if err != nil {
		return nil, err
	}
	for i := range statuses {
		statuses[i].Error = "" // for operators only: unauthenticated clients may ask for readiness
	}
	return map[string]any{"projections": statuses}, nil
}
