package membership

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/studycall/studycall/postgres"
)

// ErrUnavailable says that the directory gave no answer, for whatever reason. Nobody may be refused because of it. It is
// retryable.
var ErrUnavailable = errors.New("users and members cannot be looked up now")

const (
	// retryEvery is the interval between two queries to an unavailable directory. A dead address takes long to fail: every
	// request that waited for it would hold a connection and a caller.
	retryEvery = time.Second
	// logEvery is the interval at which failures of single queries are logged.
	logEvery = 10 * time.Second
)

// outage records whether the directory is unavailable. Safe for concurrent use.
type outage struct {
	now func() time.Time
	log *slog.Logger

	mu      sync.Mutex
	err     error // nil: the directory is available
	retryAt time.Time
	logAt   time.Time
}

// refuse returns nil if the directory may be queried, otherwise the error of the outage.
func (o *outage) refuse(now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return nil
	}
	if now.Before(o.retryAt) {
		return fmt.Errorf("the membership database is unavailable: %w", o.err)
	}
	o.retryAt = now.Add(retryEvery) // this caller retries; the others do not wait for it
	return nil
}

// record takes the result of a query. An error about the query itself, such as a revoked right, is no outage, because the next
// query may be another one. Both are logged, because callers may have got an older answer.
func (o *outage) record(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	// After a timeout or a conflict, the next query would likely wait as long for nothing.
	if postgres.Unavailable(err) || postgres.Blocked(err) {
		if o.err == nil {
			o.log.Warn("the membership database is unavailable: members known from the last minute go on, others get 503", "error", err)
		}
		o.err, o.retryAt = err, now.Add(retryEvery)
		return
	}
	if o.err != nil {
		o.err = nil
		o.log.Info("the membership database is available again")
	}
	if err != nil && !now.Before(o.logAt) {
		o.logAt = now.Add(logEvery)
		o.log.Warn("a query of the membership database failed: members known from the last minute go on, others get 503", "error", err)
	}
}
