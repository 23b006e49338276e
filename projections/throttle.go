package projections

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// pollInterval is the interval at which a rebuild polls the database for the activity of other clients, and pollWindow how
	// many of the latest polls count: a second's worth.
	pollInterval = 50 * time.Millisecond
	pollWindow   = 20
	// busyPolls is how many of these polls must find another client active. The servers' heartbeats, a few short statements a
	// second, are hardly ever found.
	busyPolls = 2
	// pagePause is how long a rebuild pauses after each page of the log while other clients are active. A page takes half as
	// long again: with two cores, the other clients' p99 is then 1.4 times what it is without a rebuild; it was up to 2.8 times.
	pagePause = 2 * time.Millisecond
)

// throttle slows a rebuild down while other clients of the database are active. The zero value does not throttle.
type throttle struct {
	busy  atomic.Bool
	steps sync.Mutex // held during a step while busy
}

// Connections of the same process have the same application_name: see pg_stat_activity.
const othersActiveSQL = `select exists (select from pg_stat_activity where datname = current_database() and state = 'active'
	and backend_type = 'client backend' and application_name <> current_setting('application_name'))`

// watch polls the database for the activity of other clients until ctx ends.
func (t *throttle) watch(ctx context.Context, pool *pgxpool.Pool) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var window [pollWindow]bool
	for poll := 0; ; poll++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		var active bool
		if pool.QueryRow(ctx, othersActiveSQL).Scan(&active) != nil {
			continue // the rebuild meets the error itself
		}
		window[poll%pollWindow] = active
		count := 0
		for _, active := range window {
			if active {
				count++
			}
		}
		t.busy.Store(count >= busyPolls)
	}
}

// step runs one step of the rebuild. Steps run concurrently, except that while other clients are active they run one at a
// time: the program and its connections then use one core between them.
func (t *throttle) step(do func() error) error {
	if t.busy.Load() {
		t.steps.Lock()
		defer t.steps.Unlock()
	}
	return do()
}

// pause waits for pagePause while other clients are active.
func (t *throttle) pause(ctx context.Context) {
	if !t.busy.Load() {
		return
	}
	select {
	case <-time.After(pagePause):
	case <-ctx.Done():
	}
}
