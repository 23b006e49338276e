package realtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
)

// write tries until the database answers, whatever it says; what must be written, until the record has it or refuses it.
func (r *recorder) write(rec record) error {
	pause := firstRetry
	for {
		if r.ctx.Err() != nil {
			return errRecorderStopped
		}
		err := r.attempt(rec)
		if err == nil || rec.once || !away(err) && (!rec.must || final(err)) {
			return err
		}
		if !away(err) {
			r.log.LogAttrs(r.ctx, slog.LevelWarn, "could not write a record, trying again", slog.Any("error", err))
		}
		select {
		case <-time.After(pause + rand.N(pause)): //nolint:gosec // spreads attempts
		case <-r.ctx.Done():
		}
		pause = min(2*pause, slowestRetry)
	}
}

// errPanicked says that writing a record panicked. It would do so again.
var errPanicked = errors.New("panic")

// attempt writes a record once. A panic ends neither the server nor what the participant does later.
func (r *recorder) attempt(rec record) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanicked, value, debug.Stack())
		}
	}()
	return rec.do(r.ctx)
}

// final reports whether trying again is of no use: the record says no.
func final(err error) bool {
	return errors.As(err, new(*domain.Error)) || errors.Is(err, errPanicked)
}

// away reports whether the same may well succeed a little later.
func away(err error) bool {
	return errors.Is(err, eventstore.ErrUnavailable) || errors.Is(err, eventstore.ErrClosed) ||
		errors.Is(err, membership.ErrUnavailable) || errors.Is(err, context.Canceled) || postgres.Unavailable(err)
}
