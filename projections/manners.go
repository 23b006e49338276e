package projections

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// lookEvery is how often a rebuild looks whether somebody else works on the database, and lookBack how many looks count:
	// a second's worth.
	lookEvery = 50 * time.Millisecond
	lookBack  = 20
	// enoughWork is in how many of these somebody must have been seen at work. The servers' own heartbeats, a few short
	// statements a second, are hardly ever.
	enoughWork = 2
	// rest is how long a rebuild rests after each page of the log while others work, which takes half as long again: with two
	// cores, that leaves their p99 at 1.4 times what it is without a rebuild, where it was up to 2.8 times.
	rest = 2 * time.Millisecond
)

// manners have a rebuild give way to those who read meanwhile. On an otherwise idle database it takes all that there is.
type manners struct {
	others atomic.Bool
	taken  sync.Mutex // by the part of the rebuild whose turn it is, while others work
}

// Active connections of others than this program: those of one process have one name. See pg_stat_activity.
const othersSQL = `select exists (select from pg_stat_activity where datname = current_database() and state = 'active'
	and backend_type = 'client backend' and application_name <> current_setting('application_name'))`

// watch looks at the others until ctx ends.
func (m *manners) watch(ctx context.Context, pool *pgxpool.Pool) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var seen [lookBack]bool
	for look := 0; ; look++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		var working bool
		if pool.QueryRow(ctx, othersSQL).Scan(&working) != nil {
			continue // the rebuild will meet the error itself
		}
		seen[look%lookBack] = working
		count := 0
		for _, working := range seen {
			if working {
				count++
			}
		}
		m.others.Store(count >= enoughWork)
	}
}

// turn does a part of the work, where others work while no other part is at it that began when they did: the program and its
// connections then keep one core busy between them, and not as many as there are.
func (m *manners) turn(do func() error) error {
	if m.others.Load() {
		m.taken.Lock()
		defer m.taken.Unlock()
	}
	return do()
}

// giveWay rests, where others work.
func (m *manners) giveWay(ctx context.Context) {
	if !m.others.Load() {
		return
	}
	select {
	case <-time.After(rest):
	case <-ctx.Done():
	}
}
