package membership

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/studycall/studycall/postgres"
)

// tryEvery is how often a directory that is away is tried again. A dead address takes its time to be one: every request
// that waited for it would hold a connection and a caller.
const tryEvery = time.Second

// outage knows whether the directory is away. It may be used concurrently.
type outage struct {
	now func() time.Time
	log *slog.Logger

	mu    sync.Mutex
	err   error // nil: the directory is there
	tryAt time.Time
}

// refuse is nil when the directory may be asked, and else an error for which postgres.Unavailable is true.
func (o *outage) refuse(now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return nil
	}
	if now.Before(o.tryAt) {
		return fmt.Errorf("the membership database is away: %w", o.err)
	}
	o.tryAt = now.Add(tryEvery) // this one tries; the others do not wait for it
	return nil
}

// heard takes in how a question ended. Whatever the directory said, even a no, it is there.
func (o *outage) heard(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case postgres.Unavailable(err):
		if o.err == nil {
			o.log.Warn("the membership database is away: whoever was known a moment ago goes on, others have to wait", "error", err)
		}
		o.err, o.tryAt = err, o.now().Add(tryEvery)
	case o.err != nil:
		o.err = nil
		o.log.Info("the membership database is back")
	}
}
