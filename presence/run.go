package presence

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// slowestReconcile is the longest interval of reconcileCalls.
	slowestReconcile = 30 * time.Second
	// roundTimeout bounds one heartbeat, sweep or reconciliation.
	roundTimeout = 15 * time.Second
)

// Run writes heartbeats, sweeps and reconciles the open calls until ctx ends. It goes on after any error.
func (r *Registry) Run(ctx context.Context) {
	var loops sync.WaitGroup
	defer loops.Wait()
	// Heartbeats have a loop of their own, so that a long sweep does not make this server look dead.
	loops.Go(func() { r.every(ctx, r.settings.Beat, r.beat) })
	loops.Go(func() { r.every(ctx, r.settings.Beat, r.sweep) })
	loops.Go(func() { r.every(ctx, min(slowestReconcile, r.settings.EmptyTimeout/10), r.reconcileCalls) })
}

// every calls do at once and then at each interval. It logs the first failure and the first success after it.
func (r *Registry) every(ctx context.Context, interval time.Duration, do func(context.Context) error) {
	ticker := time.NewTicker(max(interval, time.Millisecond))
	defer ticker.Stop()
	failing := false
	for {
		bounded, cancel := context.WithTimeout(ctx, roundTimeout)
		err := do(bounded)
		cancel()
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil && !failing:
			r.log.LogAttrs(ctx, slog.LevelWarn, "presence fails and is retried", slog.Any("error", err))
		case err == nil && failing:
			r.log.LogAttrs(ctx, slog.LevelInfo, "presence works again")
		}
		failing = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
