package presence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
)

// joinAttempts is how often a join starts a session, if the session ends before the user is in it.
const joinAttempts = 5

// Join is a request to join a study's call.
type Join struct {
	// Lease is the connection that joins. Its SocketID is empty for a join over REST.
	Lease
	// SessionID is the session to join. A socket's join may leave it empty: it joins the study's open session, which it starts
	// if there is none.
	SessionID string
	// At is the business time of the join.
	At time.Time
	// Cleanup schedules do, which removes the lease that a failed join left behind, and retries it until it succeeds. It is
	// required for sockets. A join over REST leaves nothing behind.
	Cleanup func(do func(context.Context) error)
}

// Join brings a user into a call: see the package documentation for the order of lease and command. Joining twice by one socket
// renews the lease. The errors are those of commands.StartSession and commands.JoinSession, and the database's.
func (r *Registry) Join(ctx context.Context, j Join) (commands.Joined, error) {
	if j.SocketID == "" {
		return r.joinREST(ctx, j)
	}
	return r.joinSocket(ctx, j)
}

// joinSocket starts over while the session that it was about to join has ended in between.
func (r *Registry) joinSocket(ctx context.Context, j Join) (joined commands.Joined, err error) {
	leased := false
	defer func() {
		if err != nil && leased {
			j.Cleanup(r.undo(j.Lease, err))
		}
	}()
	for attempt := 1; ; attempt++ {
		sessionID := j.SessionID
		if sessionID == "" {
			started, err := r.commands.StartSession(ctx, commands.StartSession{StudyID: j.StudyID, UserID: j.UserID, At: j.At})
			if err != nil {
				return commands.Joined{}, err
			}
			sessionID = started.SessionID
		}
		leased = true
		if err := r.writeLease(ctx, j.Lease, sessionID, j.At); err != nil {
			return commands.Joined{}, err
		}
		joined, err := r.joinSession(ctx, j, sessionID)
		if j.SessionID != "" || attempt == joinAttempts || !errors.Is(err, domain.ErrSessionEnded) {
			return joined, err
		}
	}
}

func (r *Registry) joinSession(ctx context.Context, j Join, sessionID string) (commands.Joined, error) {
	return r.commands.JoinSession(ctx, commands.JoinSession{
		StudyID: j.StudyID, SessionID: sessionID, UserID: j.UserID, At: j.At,
	})
}

// undo returns what removes the lease of a join that failed with an error: it deletes the lease of a refused join. After any
// other error the user may be in the call, so the lease counts as lost now.
func (r *Registry) undo(l Lease, err error) func(context.Context) error {
	if errors.As(err, new(*domain.Error)) {
		return func(ctx context.Context) error {
			return execute(ctx, r.pool, "delete the lease of a refused join", deleteSQL, l.StudyID, l.UserID, l.SocketID)
		}
	}
	now := r.settings.Now()
	return func(ctx context.Context) error { return r.Lose(ctx, l, now) }
}

// The new lease replaces the participant's lost ones and the one over REST.
const deleteLostSQL = `delete from connections where study_id = $1 and user_id = $2 and lapses_at is not null`

// No sweep finds a lease without its server, so a lease that is written before the first heartbeat adds the server.
const insertServerSQL = `insert into servers (server_id, last_seen, said_at) values ($1, clock_timestamp(), $2) on conflict do nothing`

const insertSocketSQL = `
	insert into connections (study_id, user_id, socket_id, kind, server_id, session_id, seen_at)
	values ($1, $2, $3, 'socket', $4, $5, $6)
	on conflict (study_id, user_id, socket_id) do update
	set server_id = excluded.server_id, session_id = excluded.session_id, seen_at = excluded.seen_at,
		lost_at = null, lapses_at = null`

// writeLease writes the lease of a socket, and deletes the participant's lost ones and the one over REST.
func (r *Registry) writeLease(ctx context.Context, l Lease, sessionID string, at time.Time) error {
	var b pgx.Batch // one round trip, which is one transaction
	b.Queue(lockSQL, l.StudyID, l.UserID)
	b.Queue(deleteLostSQL, l.StudyID, l.UserID)
	b.Queue(insertServerSQL, r.settings.ServerID, at)
	b.Queue(insertSocketSQL, l.StudyID, l.UserID, l.SocketID, r.settings.ServerID, sessionID, at)
	if err := r.withSlot(ctx, func() error { return r.pool.SendBatch(ctx, &b).Close() }); err != nil {
		return fmt.Errorf("write the lease of a socket: %w", err)
	}
	return nil
}

// A REST lease is not written while a socket of a live server has a lease.
const insertRESTSQL = `
	insert into connections (study_id, user_id, socket_id, kind, server_id, session_id, seen_at, lost_at, lapses_at)
	select $1, $2, '', 'rest', '', $3, $4, $4, clock_timestamp() + $5 * interval '1 microsecond'
	where not exists (
		select from connections c join servers s using (server_id)
		where c.study_id = $1 and c.user_id = $2 and c.lapses_at is null
			and s.last_seen > clock_timestamp() - $6 * interval '1 microsecond')
	on conflict (study_id, user_id, socket_id) do update
	set session_id = excluded.session_id, lost_at = excluded.lost_at, lapses_at = excluded.lapses_at`

// joinREST issues the command while a transaction holds the lock and the uncommitted lease. The event commits first.
func (r *Registry) joinREST(ctx context.Context, j Join) (joined commands.Joined, err error) {
	err = r.underLock(ctx, j.StudyID, j.UserID, func(tx pgx.Tx) error {
		err := execute(ctx, tx, "write the lease of a join over REST", insertRESTSQL, j.StudyID, j.UserID, j.SessionID, j.At,
			microseconds(r.settings.EmptyTimeout), microseconds(r.settings.Grace))
		if err != nil {
			return err
		}
		joined, err = r.joinSession(ctx, j, j.SessionID)
		return err
	})
	return joined, err
}
