package presence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/studycall/studycall/domain"
)

// A participant who has a lease keeps it.
const insertMissingSQL = `
	insert into connections (study_id, user_id, socket_id, kind, server_id, session_id, seen_at, lost_at, lapses_at)
	select p.study_id, p.user_id, '', 'rest', '', p.session_id, p.last_seen, p.last_seen,
		clock_timestamp() + $5 * interval '1 microsecond'
	from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as p (study_id, user_id, session_id, last_seen)
	where not exists (select from connections c where c.study_id = p.study_id and c.user_id = p.user_id)
	on conflict do nothing`

// reconcileCalls expires the sessions that nobody joined in time, and writes a REST lease for each participant who has none, as
// after a crash between a command and its lease. If the queries are behind, the command, or the sweep's leave, changes nothing.
func (r *Registry) reconcileCalls(ctx context.Context) error {
	if !r.maySweep() {
		return nil
	}
	calls, err := r.calls.OpenCalls(ctx)
	if err != nil {
		return fmt.Errorf("read the open calls: %w", err)
	}
	var failures []error // the failure of one study does not stop the others
	now := r.settings.Now()
	var studies, users, sessions []string
	var lastSeen []time.Time
	for studyID, session := range calls {
		if len(session.Participants) == 0 && now.Sub(session.StartedAt) >= r.settings.EmptyTimeout {
			failures = append(failures, r.expire(ctx, studyID, session.ID, now))
		}
		for i := range session.Participants {
			if p := &session.Participants[i]; p.InCall() {
				studies, users = append(studies, studyID), append(users, p.UserID)
				sessions, lastSeen = append(sessions, session.ID), append(lastSeen, p.LastAt)
			}
		}
	}
	err = execute(ctx, r.pool, "write leases for participants without one", insertMissingSQL, studies, users, sessions, lastSeen,
		microseconds(r.settings.EmptyTimeout))
	return errors.Join(append(failures, err)...)
}

func (r *Registry) expire(ctx context.Context, studyID, sessionID string, at time.Time) error {
	_, err := r.commands.ExpireSession(ctx, studyID, domain.ExpireSession{SessionID: sessionID, At: at})
	if err == nil || errors.Is(err, domain.ErrSessionEnded) || errors.Is(err, domain.ErrSessionNotFound) {
		return nil
	}
	return fmt.Errorf("expire a session of study %q: %w", studyID, err)
}
