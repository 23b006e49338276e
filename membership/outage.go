package membership

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/postgres"
)

// ErrUnavailable says that the directory was asked in vain, for whatever reason: nothing is known, so nobody may be refused
// for it. The same question may well be answered a little later.
var ErrUnavailable = errors.New("it cannot be looked up now who is who")

const (
	// tryEvery is how often a directory that is away is tried again. A dead address takes its time to be one: every request
	// that waited for it would hold a connection and a caller.
	tryEvery = time.Second
	// tellEvery is how often it is told that single questions fail.
	tellEvery = 10 * time.Second
)

// outage knows whether the directory is away. It may be used concurrently.
type outage struct {
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex
	err    error // nil: the directory is there
	tryAt  time.Time
	tellAt time.Time
}

// refuse is nil when the directory may be asked, and else why it is not.
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

// heard takes in how a question ended. A directory that says what is wrong with the question, such as that a right is gone,
// is there: the next question may be another. Both are told, as whoever asked may have had an older answer.
func (o *outage) heard(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if away(err) {
		if o.err == nil {
			o.log.Warn("the membership database is away: whoever was known a moment ago goes on, others have to wait", "error", err)
		}
		o.err, o.tryAt = err, now.Add(tryEvery)
		return
	}
	if o.err != nil {
		o.err = nil
		o.log.Info("the membership database is back")
	}
	if err != nil && !now.Before(o.tellAt) {
		o.tellAt = now.Add(tellEvery)
		o.log.Warn("a look-up in the membership database failed: whoever was known a moment ago goes on, others have to wait", "error", err)
	}
}

// away reports whether a question ended so that the next one would likely wait as long in vain: nobody is there, or nothing
// is answered in the time that the database gives a statement or a lock, or without a conflict.
func away(err error) bool {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch said.Code {
		case "57014", // a statement took longer than statement_timeout, or was cancelled
			"55P03",          // a lock was not free within lock_timeout: a migration, as a rule
			"40001", "40P01": // a conflict with what is being written or replayed, as on a standby
			return true
		}
	}
	return postgres.Unavailable(err)
}

// inVain is the error of a question to the directory, as those who asked get it. A caller that went away knows why.
func inVain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
