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

// sweepLimit is the most participants that one sweep handles.
const sweepLimit = 500

// Each half reads an index: the leases that lapsed by themselves, and the leases of silent servers, which are few or none. The
// query excludes the sweeping server: a server that runs a sweep is not silent. (No index serves clock_timestamp(), hence now().)
const lapsedSQL = `
	select study_id, user_id from connections where lapses_at <= now()
	union
	select study_id, user_id from connections
	where lapses_at is null and server_id = any(array(
		select server_id from servers where server_id <> $3 and last_seen <= now() - $1 * interval '1 microsecond'))
	limit $2`

// silentServersSQL deletes servers that have been silent for long and have no lease left.
const silentServersSQL = `delete from servers s
	where s.last_seen < now() - interval '1 minute' - $1 * interval '1 microsecond'
		and not exists (select from connections c where c.server_id = s.server_id and c.lapses_at is null)`

// sweep ends the stints of the participants all of whose leases have lapsed. Servers that sweep at the same time share the
// work: each skips the participants that another has locked.
func (r *Registry) sweep(ctx context.Context) error {
	if !r.maySweep() {
		return nil
	}
	lapsed, err := collect[struct{ StudyID, UserID string }](ctx, r.pool, "read the lapsed leases",
		lapsedSQL, microseconds(r.settings.Grace), sweepLimit, r.settings.ServerID)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(cap(r.slots))
	failures := make([]error, len(lapsed)) // the failure of one participant does not stop the others
	for i, p := range lapsed {
		group.Go(func() error {
			failures[i] = r.sweepParticipant(ctx, p.StudyID, p.UserID)
			return nil
		})
	}
	_ = group.Wait()
	err = execute(ctx, r.pool, "delete silent servers", silentServersSQL, microseconds(r.settings.Grace))
	return errors.Join(append(failures, err)...)
}

// leaseRow is a lease as the sweep reads it.
type leaseRow struct {
	SocketID, SessionID, Kind string
	LastSeen                  time.Time // business time
	Lapsed, Connected         bool
}

// A lease may be newer than the last heartbeat of a server that was killed since. A lease without a server (which is not deleted
// while it has connected sockets) lapses the grace time after its join.
const leasesSQL = `
	select c.socket_id, c.session_id, c.kind, greatest(coalesce(c.lost_at, s.said_at), c.seen_at),
		case when c.lapses_at is null
			then c.server_id <> $4 and coalesce(s.last_seen, c.seen_at) <= now() - $3 * interval '1 microsecond'
			else c.lapses_at <= now() end,
		c.lapses_at is null
	from connections c left join servers s using (server_id)
	where c.study_id = $1 and c.user_id = $2
	order by 4`

// sweepParticipant ends a participant's stint if all leases have lapsed. It skips a participant whose lock is taken: a join, a
// leave or another sweep is under way.
func (r *Registry) sweepParticipant(ctx context.Context, studyID, userID string) error {
	return r.transaction(ctx, func(tx pgx.Tx) error {
		var locked bool
		if err := tx.QueryRow(ctx, tryLockSQL, studyID, userID).Scan(&locked); err != nil {
			return fmt.Errorf("lock the participant: %w", err)
		}
		if !locked {
			return nil
		}
		// A statement of its own sees what was committed before the lock was free.
		leases, err := collect[leaseRow](ctx, tx, "read the participant's leases",
			leasesSQL, studyID, userID, microseconds(r.settings.Grace), r.settings.ServerID)
		if err != nil {
			return err
		}
		return r.deleteLapsed(ctx, tx, studyID, userID, leases)
	})
}

const deleteLapsedSQL = `delete from connections where study_id = $1 and user_id = $2 and socket_id = any($3)`

// deleteLapsed deletes a participant's lapsed leases. It first ends the stint if all leases have lapsed. While a lost lease has
// not lapsed and no socket is connected, all leases stay: the latest of them says when the participant was last seen. The leases
// are sorted by LastSeen.
func (r *Registry) deleteLapsed(ctx context.Context, tx pgx.Tx, studyID, userID string, leases []leaseRow) error {
	var lapsed []string
	var lastSeen time.Time // of the lapsed leases
	connected := false
	for _, l := range leases {
		if l.Lapsed {
			lapsed, lastSeen = append(lapsed, l.SocketID), l.LastSeen
		} else {
			connected = connected || l.Connected
		}
	}
	if len(lapsed) == 0 || len(lapsed) < len(leases) && !connected {
		return nil
	}
	if !connected {
		if err := r.endLapsed(ctx, studyID, userID, leases); err != nil {
			return err
		}
	}
	if err := execute(ctx, tx, "delete lapsed leases", deleteLapsedSQL, studyID, userID, lapsed); err != nil {
		return err
	}
	return execute(ctx, tx, "update when the participant was last seen", touchConnectedSQL, studyID, userID, lastSeen)
}

// endLapsed ends the stint in each session of the leases, all of which have lapsed. There are several sessions if one ended and
// the next began.
func (r *Registry) endLapsed(ctx context.Context, studyID, userID string, leases []leaseRow) error {
	last := leases[len(leases)-1]
	reason := domain.Disconnected
	if last.Kind == "rest" {
		reason = domain.Expired
	}
	ended := map[string]bool{}
	for _, l := range leases {
		if ended[l.SessionID] {
			continue
		}
		ended[l.SessionID] = true
		leave := Leave{Lease: Lease{StudyID: studyID, UserID: userID}, SessionID: l.SessionID, At: last.LastSeen}
		if _, err := r.endStint(ctx, leave, reason); err != nil {
			return fmt.Errorf("end the stint of user %q in study %q: %w", userID, studyID, err)
		}
	}
	return nil
}
