package presence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
)

// Leave is a user's request to leave a call.
type Leave struct {
	// Lease is the connection that leaves. Its SocketID is empty for a leave over REST, which leaves by all connections.
	Lease
	// SessionID is the session that the user joined.
	SessionID string
	// At is the business time of the leave.
	At time.Time
}

// Leave takes a user out of a call: see the package documentation for the order of lease and command. It returns the position in
// the log that the answer rests on; 0 if another connection keeps the user in the call. The error of a leave over REST is
// domain.ErrParticipantNotFound if the user never joined the session. For a socket that is no error.
func (r *Registry) Leave(ctx context.Context, l Leave) (position int64, err error) {
	if l.SocketID == "" {
		return r.leaveREST(ctx, l)
	}
	err = r.underLock(ctx, l.StudyID, l.UserID, func(tx pgx.Tx) error {
		err := execute(ctx, tx, "delete the lease of a socket", deleteOwnAndLostSQL, l.StudyID, l.UserID, l.SocketID)
		if err != nil {
			return err
		}
		// Another connection keeps the user in the call. If it turns out to be broken, the user was last seen now.
		connected, err := tx.Exec(ctx, touchConnectedSQL, l.StudyID, l.UserID, l.At)
		if err != nil {
			return fmt.Errorf("read the other leases: %w", err)
		}
		if connected.RowsAffected() > 0 {
			return nil
		}
		position, err = r.endStint(ctx, l, domain.Left)
		return err
	})
	return position, err
}

const (
	deleteOwnAndLostSQL = `delete from connections
		where study_id = $1 and user_id = $2 and (socket_id = $3 or lapses_at is not null)`
	// A silent server's leases count here. Only the sweep decides whether a server is silent.
	touchConnectedSQL = `update connections set seen_at = greatest(seen_at, $3)
		where study_id = $1 and user_id = $2 and lapses_at is null`
	// A newer lease stays: the user has joined again since.
	deleteNotNewerSQL = `delete from connections where study_id = $1 and user_id = $2 and coalesce(lost_at, seen_at) <= $3`
	deleteAllSQL      = `delete from connections where study_id = $1 and user_id = $2`
	deleteSQL         = `delete from connections where study_id = $1 and user_id = $2 and socket_id = $3`
)

func (r *Registry) leaveREST(ctx context.Context, l Leave) (int64, error) {
	position, err := r.leaveSession(ctx, l, domain.Left)
	if err != nil {
		return 0, err
	}
	return position, execute(ctx, r.pool, "delete the leases of a leave over REST", deleteNotNewerSQL, l.StudyID, l.UserID, l.At)
}

// Remove takes a user who may no longer be in the study out of its call, by all connections: SocketID is ignored.
func (r *Registry) Remove(ctx context.Context, l Leave) error {
	return r.underLock(ctx, l.StudyID, l.UserID, func(tx pgx.Tx) error {
		if err := execute(ctx, tx, "delete the leases of a user", deleteAllSQL, l.StudyID, l.UserID); err != nil {
			return err
		}
		_, err := r.endStint(ctx, l, domain.Removed)
		return err
	})
}

// endStint issues the command. A user who is not in the session is no error.
func (r *Registry) endStint(ctx context.Context, l Leave, reason domain.LeaveReason) (int64, error) {
	position, err := r.leaveSession(ctx, l, reason)
	if errors.Is(err, domain.ErrParticipantNotFound) {
		return 0, nil
	}
	return position, err
}

func (r *Registry) leaveSession(ctx context.Context, l Leave, reason domain.LeaveReason) (int64, error) {
	return r.commands.LeaveSession(ctx, l.StudyID, domain.LeaveSession{
		SessionID: l.SessionID, UserID: l.UserID, Reason: reason, At: l.At,
	})
}

const (
	loseSQL = `update connections set lost_at = greatest($4, seen_at),
			lapses_at = clock_timestamp() + $5 * interval '1 microsecond'
		where study_id = $1 and user_id = $2 and socket_id = $3 and lapses_at is null`
	loseAllSQL = `update connections set lost_at = greatest($2, seen_at),
			lapses_at = clock_timestamp() + $3 * interval '1 microsecond'
		where server_id = $1 and lapses_at is null`
)

// Lose marks the lease of a socket whose connection broke at the given time, which is not in the future, as lost.
func (r *Registry) Lose(ctx context.Context, l Lease, at time.Time) error {
	left := microseconds(r.settings.Grace - r.settings.Now().Sub(at))
	return execute(ctx, r.pool, "mark a lease as lost", loseSQL, l.StudyID, l.UserID, l.SocketID, at, left)
}

// LoseAll is Lose for all of this server's sockets.
func (r *Registry) LoseAll(ctx context.Context, at time.Time) error {
	return execute(ctx, r.pool, "mark this server's leases as lost", loseAllSQL, r.settings.ServerID, at, microseconds(r.settings.Grace))
}
