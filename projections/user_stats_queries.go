package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/eventstore"
)

// UserStatsQueries reads the user_stats projection. Its methods may be called concurrently.
type UserStatsQueries struct{ queries }

// NewUserStatsQueries reads the tables through pool, and waits for them through store.
func NewUserStatsQueries(pool *pgxpool.Pool, store *eventstore.Store) *UserStatsQueries {
	return &UserStatsQueries{queriesOn(UserStats{}, pool, store)}
}

// UserSummary is what a user did in a study's ended sessions. Durations are sums of whole milliseconds. Of a user without
// any session, all but Position is zero.
type UserSummary struct {
	Sessions  int64 // taken part in
	Present   time.Duration
	Muted     time.Duration
	CameraOff time.Duration
	Sharing   time.Duration
	// FirstJoinedAt and LastLeftAt are the earliest join and the latest leave.
	FirstJoinedAt, LastLeftAt time.Time
	Position                  int64 // in the log: everything up to here counts
}

// One row by its key.
const userStatsSQL = `
	select c.position, coalesce(t.sessions, 0), t.present_ms, t.muted_ms, t.camera_off_ms, t.sharing_ms, t.first_joined_at,
		t.last_left_at
	from checkpoints c
	left join user_stats.totals t on t.study_id = $2 and t.user_id = $3
	where c.name = $1`

// Summary reads a user's sums in a study. A session that has just ended may take a fraction of a second to count: see
// WaitFor. The error is ErrUnavailable, or the database's.
func (q *UserStatsQueries) Summary(ctx context.Context, studyID, userID string) (UserSummary, error) {
	var u UserSummary
	into := []any{&u.Position, &u.Sessions, (*milliseconds)(&u.Present), (*milliseconds)(&u.Muted), (*milliseconds)(&u.CameraOff),
		(*milliseconds)(&u.Sharing), timestamp(&u.FirstJoinedAt), timestamp(&u.LastLeftAt)}
	err := q.read(ctx, userStatsSQL, []any{studyID, userID}, into, func() error { return nil })
	return u, err
}
