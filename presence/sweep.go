package presence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/domain"
)

// sweepLimit is how many participants one sweep deals with at most.
const sweepLimit = 500

// Both halves are looks at an index: what lapsed by itself, and what the servers have that are silent, of which there are
// few, or none. Whoever asks is not, whatever its beats met with. (now() and not clock_timestamp(), by which no index goes.)
const lapsedSQL = `
	select study_id, user_id from connections where lapses_at <= now()
	union
	select study_id, user_id from connections
	where lapses_at is null and server_id = any(array(
		select server_id from servers where server_id <> $3 and last_seen <= now() - $1 * interval '1 microsecond'))
	limit $2`

// deadServersSQL takes away servers that have been silent for long and have nothing left.
const deadServersSQL = `delete from servers s
	where s.last_seen < now() - interval '1 minute' - $1 * interval '1 microsecond'
		and not exists (select from connections c where c.server_id = s.server_id and c.lapses_at is null)`

// sweep ends the stints of the participants all of whose leases have lapsed. Several servers that sweep at once share the
// work: what one has locked, the others leave to it.
func (r *Registry) sweep(ctx context.Context) error {
	if !r.mayJudge() {
		return nil
	}
	rows, err := r.pool.Query(ctx, lapsedSQL, microseconds(r.settings.Grace), sweepLimit, r.settings.ServerID)
	if err != nil {
		return fmt.Errorf("look for lapsed leases: %w", err)
	}
	lapsed, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Lease, err error) {
		err = row.Scan(&l.StudyID, &l.UserID)
		return l, err
	})
	if err != nil {
		return fmt.Errorf("look for lapsed leases: %w", err)
	}
	var group errgroup.Group
	group.SetLimit(cap(r.slots))
	failures := make([]error, len(lapsed)) // one participant's is not the others'
	for i, p := range lapsed {
		group.Go(func() error {
			failures[i] = r.end(ctx, p.StudyID, p.UserID)
			return nil
		})
	}
	_ = group.Wait()
	if _, err := r.pool.Exec(ctx, deadServersSQL, microseconds(r.settings.Grace)); err != nil {
		failures = append(failures, fmt.Errorf("take away dead servers: %w", err))
	}
	return errors.Join(failures...)
}

// leaseRow is a lease as the sweep judges it.
type leaseRow struct {
	socketID, sessionID string
	kind                string
	heard               time.Time // business time at which it was last heard of
	lapsed, connected   bool
}

// A killed server may have let somebody join after it last said that it lived. Without a server, which nobody takes away
// while it has sockets, a lease is judged by its beginning.
const leasesSQL = `
	select c.socket_id, c.session_id, c.kind, greatest(coalesce(c.lost_at, s.said_at), c.seen_at),
		case when c.lapses_at is null
			then c.server_id <> $4 and coalesce(s.last_seen, c.seen_at) <= now() - $3 * interval '1 microsecond'
			else c.lapses_at <= now() end,
		c.lapses_at is null
	from connections c left join servers s using (server_id)
	where c.study_id = $1 and c.user_id = $2
	order by 4`

// end ends a participant's stint, if all leases have lapsed.
func (r *Registry) end(ctx context.Context, studyID, userID string) error {
	return r.transaction(ctx, func(tx pgx.Tx) error {
		var locked bool
		if err := tx.QueryRow(ctx, tryLockSQL, studyID, userID).Scan(&locked); err != nil {
			return fmt.Errorf("lock the participant: %w", err)
		}
		if !locked {
			return nil // somebody joins, leaves, or sweeps
		}
		// A statement of its own, so that it sees what was committed before the lock was free.
		rows, err := tx.Query(ctx, leasesSQL, studyID, userID, microseconds(r.settings.Grace), r.settings.ServerID)
		if err != nil {
			return fmt.Errorf("read the participant's leases: %w", err)
		}
		leases, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l leaseRow, err error) {
			err = row.Scan(&l.socketID, &l.sessionID, &l.kind, &l.heard, &l.lapsed, &l.connected)
			return l, err
		})
		if err != nil {
			return fmt.Errorf("read the participant's leases: %w", err)
		}
		return r.judge(ctx, tx, studyID, userID, leases)
	})
}

const deleteLapsedSQL = `delete from connections where study_id = $1 and user_id = $2 and socket_id = any($3)`

// judge takes away the lapsed leases of a participant who has a connection, and ends the stint of one who has nothing but
// lapsed ones. As long as a lost one counts, all stay: the latest of them is when the participant was last heard of.
func (r *Registry) judge(ctx context.Context, tx pgx.Tx, studyID, userID string, leases []leaseRow) error {
	var lapsed []string
	var heard time.Time // of the lapsed ones
	connected := false
	for _, l := range leases {
		if l.lapsed {
			lapsed, heard = append(lapsed, l.socketID), l.heard
		} else {
			connected = connected || l.connected
		}
	}
	switch {
	case len(lapsed) == 0 || len(lapsed) < len(leases) && !connected:
		return nil
	case !connected:
		last := leases[len(leases)-1]
		reason := domain.Disconnected
		if last.kind == "rest" {
			reason = domain.Expired
		}
		for sessionID := range sessionsOf(leases) {
			if err := r.leave(ctx, studyID, userID, sessionID, reason, last.heard); err != nil {
				return fmt.Errorf("end the stint of user %q in study %q: %w", userID, studyID, err)
			}
		}
	}
	if _, err := tx.Exec(ctx, deleteLapsedSQL, studyID, userID, lapsed); err != nil {
		return fmt.Errorf("take away lapsed leases: %w", err)
	}
	if _, err := tx.Exec(ctx, connectedSQL, studyID, userID, heard); err != nil {
		return fmt.Errorf("note when the participant was last heard of: %w", err)
	}
	return nil
}

// sessionsOf are the sessions that the leases are of. More than one is there when a session ended and the next began.
func sessionsOf(leases []leaseRow) map[string]struct{} {
	sessions := map[string]struct{}{}
	for _, l := range leases {
		sessions[l.sessionID] = struct{}{}
	}
	return sessions
}
