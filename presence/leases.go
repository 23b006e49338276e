package presence

import (
	"context"
	"fmt"
	"time"
)

const hasLeaseSQL = `select exists (select from connections where study_id = $1 and user_id = $2 and socket_id = $3)`

// HasLease reports whether a socket's lease exists.
func (r *Registry) HasLease(ctx context.Context, l Lease) (exists bool, err error) {
	if err := r.pool.QueryRow(ctx, hasLeaseSQL, l.StudyID, l.UserID, l.SocketID).Scan(&exists); err != nil {
		return false, fmt.Errorf("read the lease of a socket: %w", err)
	}
	return exists, nil
}

const ownSQL = `select study_id, user_id, socket_id from connections where server_id = $1 and lapses_at is null`

// Leases returns the leases of this server's sockets. A missing lease was deleted: its user left over REST or was removed by
// another server. If wasSilent is true, this server was silent for the grace time since the last call, so that another
// server may have swept the missing leases.
func (r *Registry) Leases(ctx context.Context) (leases map[Lease]struct{}, wasSilent bool, err error) {
	// After this heartbeat this server is not silent. The heartbeats know whether it was before.
	if err := r.beat(ctx); err != nil {
		return nil, false, err
	}
	r.mu.Lock()
	silenceEndedAt := r.silenceEndedAt
	r.mu.Unlock()
	own, err := collect[Lease](ctx, r.pool, "read this server's leases", ownSQL, r.settings.ServerID)
	if err != nil {
		return nil, false, err
	}
	leases = map[Lease]struct{}{}
	for _, l := range own {
		leases[l] = struct{}{}
	}
	r.clearSilence(silenceEndedAt)
	return leases, !silenceEndedAt.IsZero(), nil
}

// clearSilence notes that Leases reported a silence, unless a sweep that began during the silence may still be running.
func (r *Registry) clearSilence(reported time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.silenceEndedAt.Equal(reported) && time.Since(reported) > missedBeats*r.settings.Beat {
		r.silenceEndedAt = time.Time{}
	}
}

const remotePeersSQL = `select c.study_id, c.user_id, c.socket_id, s.said_at
	from connections c join servers s using (server_id)
	where c.study_id = any($1) and c.server_id <> $2 and c.lapses_at is null
		and s.last_seen > now() - $3 * interval '1 microsecond'
	order by c.seen_at, c.socket_id`

// Peer is a socket on another server.
type Peer struct {
	Lease
	// LastSeen is the business time of its server's latest heartbeat.
	LastSeen time.Time
}

// RemotePeers returns the sockets that other servers have in the calls of some studies, in the order in which they joined.
func (r *Registry) RemotePeers(ctx context.Context, studyIDs []string) ([]Peer, error) {
	return collect[Peer](ctx, r.pool, "read other servers' leases",
		remotePeersSQL, studyIDs, r.settings.ServerID, microseconds(r.settings.Grace))
}
