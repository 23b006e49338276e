package projections

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// UserStats is the read model of each user's attendance in each study: sums over the ended sessions. A new statistic is a
// field of UserSummary, a column in userTotals, and its value in one session in userTotalRows.
type UserStats struct{}

// Name implements Projection.
func (UserStats) Name() string { return "user_stats" }

// Version implements Projection.
func (UserStats) Version() Version { return Version{Number: 1} }

// Tables implements Projection.
func (UserStats) Tables() string { return userTotals().createSQL() }

// Indexes implements Projection.
func (UserStats) Indexes() string { return userTotals().primaryKeySQL() }

// UserSummary is a user's attendance in a study's ended sessions. Durations are sums of whole milliseconds. For a user
// without any session, all fields but Position are zero.
type UserSummary struct {
	Sessions  int64 // in which the user took part
	Present   time.Duration
	Muted     time.Duration
	CameraOff time.Duration
	Sharing   time.Duration
	// FirstJoinedAt and LastLeftAt are the earliest join and the latest leave.
	FirstJoinedAt, LastLeftAt time.Time
	Position                  int64 // in the log: the summary holds every event up to here
}

// userKey is a user in a study.
type userKey struct{ study, user string }

// userTotal is a row of totals. Its Position is that of the last session in it.
type userTotal struct {
	userKey
	UserSummary
}

func userTotals() table[userTotal] {
	return table[userTotal]{name: "totals", fillfactor: 80, columns: []column[userTotal]{
		{"study_id", "text", key, func(t *userTotal) any { return &t.study }},
		{"user_id", "text", key, func(t *userTotal) any { return &t.user }},
		{"sessions", "bigint", summed, func(t *userTotal) any { return &t.Sessions }},
		{"present_ms", "bigint", summed, func(t *userTotal) any { return (*milliseconds)(&t.Present) }},
		{"muted_ms", "bigint", summed, func(t *userTotal) any { return (*milliseconds)(&t.Muted) }},
		{"camera_off_ms", "bigint", summed, func(t *userTotal) any { return (*milliseconds)(&t.CameraOff) }},
		{"sharing_ms", "bigint", summed, func(t *userTotal) any { return (*milliseconds)(&t.Sharing) }},
		{"first_joined_at", "timestamptz", earliest, func(t *userTotal) any { return &t.FirstJoinedAt }},
		{"last_left_at", "timestamptz", latest, func(t *userTotal) any { return &t.LastLeftAt }},
		{"position", "bigint", latest, func(t *userTotal) any { return &t.Position }},
	}}
}

// userTotalRows returns what an ended session adds to the totals, one row for each participant.
func userTotalRows(c *chapter) []userTotal {
	rows := make([]userTotal, len(c.Session.Participants))
	for i := range rows {
		p := &c.Session.Participants[i]
		rows[i] = userTotal{userKey{c.study, p.UserID}, UserSummary{
			Sessions:      1,
			Present:       p.Present.Total,
			Muted:         p.Muted.Total,
			CameraOff:     p.CameraOff.Total,
			Sharing:       p.Sharing.Total,
			FirstJoinedAt: p.JoinedAt,
			LastLeftAt:    p.LeftAt,
			Position:      c.position,
		}}
	}
	return rows
}

// Folds implements Projection.
func (UserStats) Folds() domain.Event { return domain.SessionEnded{} }

// Fold implements Projection.
func (UserStats) Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	chapters, err := endedChapters(ctx, tx, events)
	if err != nil {
		return err
	}
	var rows []userTotal
	for _, c := range chapters {
		rows = append(rows, userTotalRows(c)...)
	}
	return userTotals().add(ctx, tx, rows)
}

// Replay implements Projection. It keeps all totals in memory until the end: there are as many as users.
func (UserStats) Replay() Replay {
	totals := map[userKey]*userTotal{}
	buffered := &copyBuffer[userTotal]{table: userTotals()}
	add := func(c *chapter) {
		rows := userTotalRows(c)
		for i := range rows {
			if total, known := totals[rows[i].userKey]; known {
				buffered.table.merge(total, &rows[i])
			} else {
				first := rows[i] // a copy: its address does not keep rows in memory
				totals[first.userKey] = &first
			}
		}
	}
	finish := func([]*chapter) {
		// In the order of their keys, so that the rows of a study are stored together.
		keys := slices.SortedFunc(maps.Keys(totals), func(a, b userKey) int {
			return cmp.Or(cmp.Compare(a.study, b.study), cmp.Compare(a.user, b.user))
		})
		for _, k := range keys {
			buffered.add(totals[k])
		}
	}
	return Replay{buffers: []buffer{buffered}, add: add, finish: finish}
}

// UserStatsQueries reads the user_stats projection. Its methods may be called concurrently.
type UserStatsQueries struct{ queries }

// NewUserStatsQueries reads the tables through pool, and waits for the projection through store.
func NewUserStatsQueries(pool *pgxpool.Pool, store *eventstore.Store) *UserStatsQueries {
	return &UserStatsQueries{queries{pool, store, checkpointName(UserStats{})}}
}

// userStatsSQL reads one row by its key.
func userStatsSQL() string {
	return `
select c.position,
	` + userTotals().list("t") + `
from checkpoints c
left join user_stats.totals t on t.study_id = $2 and t.user_id = $3
where c.name = $1`
}

// Summary returns a user's totals in a study. A session that has just ended may be missing for a fraction of a second: see
// WaitFor. The error is ErrUnavailable, or the database's.
func (q *UserStatsQueries) Summary(ctx context.Context, studyID, userID string) (UserSummary, error) {
	var position int64
	var total userTotal
	into := append([]any{&position}, userTotals().targets(&total)...)
	err := q.read(ctx, userStatsSQL(), []any{studyID, userID}, into, func() error { return nil })
	total.Position = position
	return total.UserSummary, err
}
