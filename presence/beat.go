package presence

import (
	"context"
	"fmt"
	"time"
)

// beatTimeout bounds one beat: an answer that takes longer says as little as none.
const beatTimeout = 3 * time.Second

// missedBeats is how many beats may be missed before contact counts as broken: this server may have been stopped for a
// while, or its clock.
const missedBeats = 5

// What is there before it is said again is by the database's clock, like the sweep's judgement. Null is a server that is new,
// or was taken away.
const beatSQL = `
	with before as (select clock_timestamp() - last_seen as silence from servers where server_id = $1)
	insert into servers (server_id, last_seen, said_at) values ($1, clock_timestamp(), $2)
	on conflict (server_id) do update set last_seen = excluded.last_seen, said_at = excluded.said_at
	returning coalesce((select silence from before) < $3 * interval '1 microsecond', false)`

// beat says that this server lives, and notes since when it could do so. It is not cut short when ctx ends: the database would
// carry it out all the same, perhaps after Go has taken the server away.
func (r *Registry) beat(ctx context.Context) error {
	r.beating.Lock()
	defer r.beating.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatTimeout)
	defer cancel()
	var heard bool // within the grace time
	err := r.pool.QueryRow(ctx, beatSQL, r.settings.ServerID, r.settings.Now(), microseconds(r.settings.Grace)).Scan(&heard)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if err != nil {
		r.steady = time.Time{}
		return fmt.Errorf("say that this server lives: %w", err)
	}
	if !heard && !r.beaten.IsZero() {
		r.revived = now
	}
	if r.steady.IsZero() || now.Sub(r.beaten) > missedBeats*r.settings.Beat+beatTimeout {
		r.steady = now
	}
	r.beaten = now
	return nil
}

// mayJudge reports whether contact with the database has been unbroken for the whole grace time.
func (r *Registry) mayJudge() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.steady.IsZero() && time.Since(r.steady) >= r.settings.Grace
}

// goSQL keeps the server while it has sockets that nobody noted as lost: it is then as if it had been killed.
const goSQL = `delete from servers where server_id = $1
	and not exists (select from connections where server_id = $1 and lapses_at is null)`

// Go takes this server away, after LoseAll and Run.
func (r *Registry) Go(ctx context.Context) error {
	if _, err := r.pool.Exec(ctx, goSQL, r.settings.ServerID); err != nil {
		return fmt.Errorf("take away this server: %w", err)
	}
	return nil
}
