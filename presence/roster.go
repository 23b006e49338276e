package presence

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const heldSQL = `select study_id, user_id, socket_id from connections where server_id = $1 and lapses_at is null`

// Held are the leases of this server's sockets. One that is missing was taken away. If this server was silent for so long
// since the last call that others may have taken it for dead, they may have swept it; else its user left over REST, or
// was removed by another server.
func (r *Registry) Held(ctx context.Context) (held map[Lease]struct{}, takenForDead bool, err error) {
	// From this beat on nobody takes this server for dead: what is missing below went before, and the beats know.
	if err := r.beat(ctx); err != nil {
		return nil, false, err
	}
	revived := r.wasRevived()
	rows, err := r.pool.Query(ctx, heldSQL, r.settings.ServerID)
	if err != nil {
		return nil, false, fmt.Errorf("read this server's leases: %w", err)
	}
	held = map[Lease]struct{}{}
	var l Lease
	_, err = pgx.ForEachRow(rows, []any{&l.StudyID, &l.UserID, &l.SocketID}, func() error {
		held[l] = struct{}{}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("read this server's leases: %w", err)
	}
	r.toldOf(revived)
	return held, !revived.IsZero(), nil
}

// wasRevived is when this server was last found to have been silent, zero if that was told already.
func (r *Registry) wasRevived() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revived
}

// toldOf notes that a silence was told of, unless a sweep that began in it may still be under way.
func (r *Registry) toldOf(revived time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.revived.Equal(revived) && time.Since(revived) > missedBeats*r.settings.Beat {
		r.revived = time.Time{}
	}
}

const elsewhereSQL = `select c.study_id, c.user_id, c.socket_id, s.said_at
	from connections c join servers s using (server_id)
	where c.study_id = any($1) and c.server_id <> $2 and c.lapses_at is null
		and s.last_seen > now() - $3 * interval '1 microsecond'
	order by c.seen_at, c.socket_id`

// Peer is a socket that another server has.
type Peer struct {
	Lease
	// SaidAt is the business time at which its server last said that it lives.
	SaidAt time.Time
}

// Elsewhere are the sockets that other servers have in some studies' calls, in the order in which they joined.
func (r *Registry) Elsewhere(ctx context.Context, studyIDs []string) ([]Peer, error) {
	rows, err := r.pool.Query(ctx, elsewhereSQL, studyIDs, r.settings.ServerID, microseconds(r.settings.Grace))
	if err != nil {
		return nil, fmt.Errorf("read other servers' leases: %w", err)
	}
	peers, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Peer, err error) {
		err = row.Scan(&p.StudyID, &p.UserID, &p.SocketID, &p.SaidAt)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read other servers' leases: %w", err)
	}
	return peers, nil
}
