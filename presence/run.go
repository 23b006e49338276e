package presence

import (
	"context"
	"fmt"
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
	// Heartbeats have a loop of their own, so that a long sweep does not make this server silent.
	loops.Go(func() { r.every(ctx, "heartbeat", r.settings.Beat, r.beat) })
	loops.Go(func() { r.every(ctx, "sweep", r.settings.Beat, r.sweep) })
	loops.Go(func() { r.every(ctx, "reconcile", min(slowestReconcile, r.settings.EmptyTimeout/10), r.reconcileCalls) })
}

// every calls do at once and then at each interval. It logs the first failure and the first success after it.
func (r *Registry) every(ctx context.Context, task string, interval time.Duration, do func(context.Context) error) {
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
			r.log.LogAttrs(ctx, slog.LevelWarn, task+" failed; retrying", slog.Any("error", err))
		case err == nil && failing:
			r.log.LogAttrs(ctx, slog.LevelInfo, task+" works again")
		}
		failing = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// beatTimeout bounds one heartbeat. A slower answer counts as a failure.
const beatTimeout = 3 * time.Second

// missedBeats is how many heartbeats may be late or missing before contact counts as broken: the process, or its clock, may
// have been stopped for a while.
const missedBeats = 5

// The database's clock measures the silence before this heartbeat, as it measures leases. The result is false for a server that
// was silent for the grace time, and for one that is new or was deleted.
const beatSQL = `
	with before as (select clock_timestamp() - last_seen as silence from servers where server_id = $1)
	insert into servers (server_id, last_seen, said_at) values ($1, clock_timestamp(), $2)
	on conflict (server_id) do update set last_seen = excluded.last_seen, said_at = excluded.said_at
	returning coalesce((select silence from before) < $3 * interval '1 microsecond', false)`

// beat writes a heartbeat, and updates since when contact is unbroken. The end of ctx does not interrupt it: the database would
// carry out the statement all the same, perhaps after Deregister.
func (r *Registry) beat(ctx context.Context) error {
	r.beating.Lock()
	defer r.beating.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatTimeout)
	defer cancel()
	var alive bool // since the heartbeat before
	err := r.pool.QueryRow(ctx, beatSQL, r.settings.ServerID, r.settings.Now(), microseconds(r.settings.Grace)).Scan(&alive)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if err != nil {
		r.contactSince = time.Time{}
		return fmt.Errorf("write a heartbeat: %w", err)
	}
	if !alive && !r.lastBeat.IsZero() {
		r.silenceEndedAt = now
	}
	if r.contactSince.IsZero() || now.Sub(r.lastBeat) > missedBeats*r.settings.Beat+beatTimeout {
		r.contactSince = now
	}
	r.lastBeat = now
	return nil
}

// maySweep reports whether contact with the database has been unbroken for the whole grace time.
func (r *Registry) maySweep() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.contactSince.IsZero() && time.Since(r.contactSince) >= r.settings.Grace
}

// A server with sockets that are not marked as lost stays, as if it had been killed.
const deregisterSQL = `delete from servers where server_id = $1
	and not exists (select from connections where server_id = $1 and lapses_at is null)`

// Deregister deletes this server. Call it after LoseAll, when Run has returned.
func (r *Registry) Deregister(ctx context.Context) error {
	return execute(ctx, r.pool, "delete this server", deregisterSQL, r.settings.ServerID)
}
