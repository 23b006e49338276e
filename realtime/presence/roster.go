package presence

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const heldSQL = `select study_id, user_id, socket_id from connections where server_id = $1 and lapses_at is null`

// Held are the leases of this server's sockets. One that is missing was taken away: its user left over REST or was removed by
// another server, or this one was silent for so long that it was taken for dead.
func (r *Registry) Held(ctx context.Context) (map[Lease]struct{}, error) {
	rows, err := r.pool.Query(ctx, heldSQL, r.settings.ServerID)
	if err != nil {
		return nil, fmt.Errorf("read this server's leases: %w", err)
	}
	held := map[Lease]struct{}{}
	var l Lease
	_, err = pgx.ForEachRow(rows, []any{&l.StudyID, &l.UserID, &l.SocketID}, func() error {
		held[l] = struct{}{}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read this server's leases: %w", err)
	}
	return held, nil
}

const elsewhereSQL = `select c.study_id, c.user_id, c.socket_id
	from connections c join servers s using (server_id)
	where c.study_id = any($1) and c.server_id <> $2 and c.lapses_at is null
		and s.last_seen > now() - $3 * interval '1 microsecond'
	order by c.seen_at, c.socket_id`

// Elsewhere are the sockets that other servers have in some studies' calls, in the order in which they joined.
func (r *Registry) Elsewhere(ctx context.Context, studyIDs []string) ([]Lease, error) {
	rows, err := r.pool.Query(ctx, elsewhereSQL, studyIDs, r.settings.ServerID, microseconds(r.settings.Grace))
	if err != nil {
		return nil, fmt.Errorf("read other servers' leases: %w", err)
	}
	leases, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Lease])
	if err != nil {
		return nil, fmt.Errorf("read other servers' leases: %w", err)
	}
	return leases, nil
}
