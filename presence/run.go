package presence

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// slowestLook is how often at least the open calls are looked at; longestWork bounds one sweep, or one look.
const (
	slowestLook = 30 * time.Second
	longestWork = 15 * time.Second
)

// Run says that this server lives, sweeps, and looks at the open calls, until ctx ends. It goes on whatever fails.
func (r *Registry) Run(ctx context.Context) {
	var loops sync.WaitGroup
	defer loops.Wait()
	// Apart, so that a long sweep does not make this server look dead.
	loops.Go(func() { r.every(ctx, r.settings.Beat, r.beat) })
	loops.Go(func() { r.every(ctx, r.settings.Beat, r.sweep) })
	loops.Go(func() { r.every(ctx, min(slowestLook, r.settings.EmptyTimeout/10), r.lookAtCalls) })
}

// every does something at once and then again and again. A failure is logged when it begins and when it is over.
func (r *Registry) every(ctx context.Context, interval time.Duration, do func(context.Context) error) {
	ticker := time.NewTicker(max(interval, time.Millisecond))
	defer ticker.Stop()
	failing := false
	for {
		bounded, cancel := context.WithTimeout(ctx, longestWork)
		err := do(bounded)
		cancel()
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil && !failing:
			r.log.LogAttrs(ctx, slog.LevelWarn, "presence: tried again until it succeeds", slog.Any("error", err))
		case err == nil && failing:
			r.log.LogAttrs(ctx, slog.LevelInfo, "presence: works again")
		}
		failing = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
