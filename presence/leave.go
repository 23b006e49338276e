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

const (
	deleteOwnAndLostSQL = `delete from connections
		where study_id = $1 and user_id = $2 and (socket_id = $3 or lapses_at is not null)`
	// A silent server's leases count here: whether it is dead is for the sweep to judge.
	connectedSQL = `update connections set seen_at = greatest(seen_at, $3)
		where study_id = $1 and user_id = $2 and lapses_at is null`
	deleteAllSQL = `delete from connections where study_id = $1 and user_id = $2`
	forgetSQL    = `delete from connections where study_id = $1 and user_id = $2 and socket_id = $3`
)

// Leave takes a socket's lease away, as its user wished at the given time, and ends the stint if it was the last one.
func (r *Registry) Leave(ctx context.Context, l Lease, sessionID string, at time.Time) error {
	return r.underLock(ctx, l.StudyID, l.UserID, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, deleteOwnAndLostSQL, l.StudyID, l.UserID, l.SocketID); err != nil {
			return fmt.Errorf("take away the lease of a socket: %w", err)
		}
		// Another connection keeps the user in the call; should it turn out to be dead, the user was there until now.
		connected, err := tx.Exec(ctx, connectedSQL, l.StudyID, l.UserID, at)
		if err != nil {
			return fmt.Errorf("look for other leases: %w", err)
		}
		if connected.RowsAffected() > 0 {
			return nil
		}
		return r.leave(ctx, l.StudyID, l.UserID, sessionID, domain.Left, at)
	})
}

// Remove takes all leases of a user away who may no longer be in the study, and ends the stint.
func (r *Registry) Remove(ctx context.Context, studyID, userID, sessionID string, at time.Time) error {
	return r.underLock(ctx, studyID, userID, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, deleteAllSQL, studyID, userID); err != nil {
			return fmt.Errorf("take away the leases of a user: %w", err)
		}
		return r.leave(ctx, studyID, userID, sessionID, domain.Removed, at)
	})
}

// leave issues the command. That the user is not in the session is fine.
func (r *Registry) leave(ctx context.Context, studyID, userID, sessionID string, reason domain.LeaveReason, at time.Time) error {
	_, err := r.commands.LeaveSession(ctx, commands.LeaveSession{
		StudyID: studyID, SessionID: sessionID, UserID: userID, Reason: reason, At: at,
	})
	if errors.Is(err, domain.ErrParticipantNotFound) {
		return nil
	}
	return err
}

const holdsSQL = `select exists (select from connections where study_id = $1 and user_id = $2 and socket_id = $3)`

// Holds reports whether a socket's lease is there.
func (r *Registry) Holds(ctx context.Context, l Lease) (holds bool, err error) {
	if err := r.pool.QueryRow(ctx, holdsSQL, l.StudyID, l.UserID, l.SocketID).Scan(&holds); err != nil {
		return false, fmt.Errorf("look for the lease of a socket: %w", err)
	}
	return holds, nil
}

// Forget takes away a lease by which nobody joined.
func (r *Registry) Forget(ctx context.Context, l Lease) error {
	if _, err := r.pool.Exec(ctx, forgetSQL, l.StudyID, l.UserID, l.SocketID); err != nil {
		return fmt.Errorf("take back the lease of a socket: %w", err)
	}
	return nil
}

// What is newer than the leave, as after a join at once afterwards, stays.
const deleteOlderSQL = `delete from connections where study_id = $1 and user_id = $2 and coalesce(lost_at, seen_at) <= $3`

// LeftWithout takes away the leases of somebody who left over REST at the given time; the command came before it. Their
// sockets' servers find them gone: see Held.
func (r *Registry) LeftWithout(ctx context.Context, studyID, userID string, at time.Time) error {
	if _, err := r.pool.Exec(ctx, deleteOlderSQL, studyID, userID, at); err != nil {
		return fmt.Errorf("take away the leases of who left over REST: %w", err)
	}
	return nil
}

const (
	loseSQL = `update connections set lost_at = greatest($4, seen_at),
			lapses_at = clock_timestamp() + $5 * interval '1 microsecond'
		where study_id = $1 and user_id = $2 and socket_id = $3 and lapses_at is null`
	loseAllSQL = `update connections set lost_at = greatest($2, seen_at),
			lapses_at = clock_timestamp() + $3 * interval '1 microsecond'
		where server_id = $1 and lapses_at is null`
)

// Lose notes that a socket's connection broke at the given time, which is past.
func (r *Registry) Lose(ctx context.Context, l Lease, at time.Time) error {
	_, err := r.pool.Exec(ctx, loseSQL, l.StudyID, l.UserID, l.SocketID, at,
		microseconds(r.settings.Grace-r.settings.Now().Sub(at)))
	if err != nil {
		return fmt.Errorf("note that a connection is lost: %w", err)
	}
	return nil
}

// LoseAll is Lose for all of this server's sockets.
func (r *Registry) LoseAll(ctx context.Context, at time.Time) error {
	_, err := r.pool.Exec(ctx, loseAllSQL, r.settings.ServerID, at, microseconds(r.settings.Grace))
	if err != nil {
		return fmt.Errorf("note that this server's connections are lost: %w", err)
	}
	return nil
}
