package presence

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const insertSocketSQL = `
	insert into connections (study_id, user_id, socket_id, kind, server_id, session_id, seen_at)
	values ($1, $2, $3, 'socket', $4, $5, $6)
	on conflict (study_id, user_id, socket_id) do update
	set server_id = excluded.server_id, session_id = excluded.session_id, seen_at = excluded.seen_at,
		lost_at = null, lapses_at = null`

// A lease without its server would be judged by nobody: it may come before the first beat.
const beThereSQL = `insert into servers (server_id, last_seen, said_at) values ($1, clock_timestamp(), $2) on conflict do nothing`

// What the participant had before, lost or over REST, is made good by the new lease.
const deleteLostSQL = `delete from connections where study_id = $1 and user_id = $2 and lapses_at is not null`

// Join writes the lease of a socket that is about to join a session, and takes away the participant's lost ones and the one
// over REST. The command comes after it. at is the command's time.
func (r *Registry) Join(ctx context.Context, l Lease, sessionID string, at time.Time) error {
	err := r.batch(ctx, func(b *pgx.Batch) {
		b.Queue(lockSQL, l.StudyID, l.UserID)
		b.Queue(deleteLostSQL, l.StudyID, l.UserID)
		b.Queue(beThereSQL, r.settings.ServerID, at)
		b.Queue(insertSocketSQL, l.StudyID, l.UserID, l.SocketID, r.settings.ServerID, sessionID, at)
	})
	if err != nil {
		return fmt.Errorf("write the lease of a socket: %w", err)
	}
	return nil
}

// A live socket is better than this, unless its server may be dead.
const insertRESTSQL = `
	insert into connections (study_id, user_id, socket_id, kind, server_id, session_id, seen_at, lost_at, lapses_at)
	select $1, $2, '', 'rest', '', $3, $4, $4, clock_timestamp() + $5 * interval '1 microsecond'
	where not exists (
		select from connections c join servers s using (server_id)
		where c.study_id = $1 and c.user_id = $2 and c.lapses_at is null
			and s.last_seen > clock_timestamp() - $6 * interval '1 microsecond')
	on conflict (study_id, user_id, socket_id) do update
	set session_id = excluded.session_id, lost_at = excluded.lost_at, lapses_at = excluded.lapses_at`

// JoinWithout has join, a command of that time, carried out, and writes or renews the lease of who joined so over REST, unless
// a socket keeps them in the call. Where join fails, whose error is returned, the leases are what they were.
func (r *Registry) JoinWithout(ctx context.Context, studyID, userID, sessionID string, at time.Time, join func() error) error {
	return r.underLock(ctx, studyID, userID, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, insertRESTSQL, studyID, userID, sessionID, at,
			microseconds(r.settings.EmptyTimeout), microseconds(r.settings.Grace))
		if err != nil {
			return fmt.Errorf("write the lease of a join over REST: %w", err)
		}
		return join()
	})
}

// batch runs statements in one round trip, which is one transaction.
func (r *Registry) batch(ctx context.Context, fill func(*pgx.Batch)) error {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var b pgx.Batch
	fill(&b)
	return r.pool.SendBatch(ctx, &b).Close()
}
