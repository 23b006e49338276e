package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/eventstore"
)

// StudyStatsQueries reads the study_stats projection. Its methods may be called concurrently.
type StudyStatsQueries struct {
	queries
	zone *time.Location
}

// NewStudyStatsQueries reads the tables of a statistics time zone through pool, and waits for them through store.
func NewStudyStatsQueries(pool *pgxpool.Pool, store *eventstore.Store, zone *time.Location) *StudyStatsQueries {
	return &StudyStatsQueries{queriesOn(StudyStats{Zone: zone}, pool, store), zone}
}

// AllDays is the number of days that stands for every day up to today.
const AllDays = 0

// StudySummary is what a study did on some days: its ended sessions that started on them.
type StudySummary struct {
	Sessions     int64
	Participants int64         // the sum of the sessions' distinct participants
	Duration     time.Duration // the sum of the sessions' durations; whole milliseconds
	// MostActive is the user who took part in the most sessions, of several who was there longest, and of several such the
	// one with the smallest id, byte by byte. It is nil when nobody took part in any.
	MostActive *ActiveUser
	Days       []DaySummary // every day in order, those without sessions too
	Position   int64        // in the log: everything up to here counts
}

// ActiveUser is a user and the number of sessions that the user took part in.
type ActiveUser struct {
	UserID   string
	Sessions int64
}

// DaySummary is one calendar day of the statistics time zone.
type DaySummary struct {
	Day      time.Time // midnight UTC of the calendar day
	Sessions int64
}

// The rows of the study's days, and of its users on those days, are each next to one another in a primary key. Ids are
// compared byte by byte, so that ties do not depend on the database's language.
const studyStatsSQL = `
	select c.position, d.participants, d.duration_ms, u.user_id, u.sessions, d.days, d.sessions
	from checkpoints c
	cross join lateral (
		select coalesce(sum(d.participants), 0)::bigint as participants, coalesce(sum(d.duration_ms), 0)::bigint as duration_ms,
			array_agg(d.day order by d.day) as days, array_agg(d.sessions order by d.day) as sessions
		from study_stats.days d
		where d.study_id = $2 and d.day between coalesce($3::date, '-infinity') and $4::date
	) d
	left join lateral (
		select d.user_id, sum(d.sessions)::bigint as sessions
		from study_stats.user_days d
		where d.study_id = $2 and d.day between coalesce($3::date, '-infinity') and $4::date
		group by d.user_id
		order by sum(d.sessions) desc, sum(d.present_ms) desc, d.user_id collate "C"
		limit 1
	) u on true
	where c.name = $1`

// Summary reads what a study did on so many days, of which the last is the one of now in the statistics time zone; AllDays
// begins on the day of the study's first session, and is no day at all when there was none. A session that has just ended
// may take a fraction of a second to count: see WaitFor. The error is ErrUnavailable, or the database's.
func (q *StudyStatsQueries) Summary(ctx context.Context, studyID string, days int, now time.Time) (StudySummary, error) {
	today := dayAt(now.In(q.zone))
	var first *day // nil: any
	if days != AllDays {
		begin := dayAt(today.midnight().AddDate(0, 0, 1-days))
		first = &begin
	}
	var found StudySummary
	var active ActiveUser
	var met []day
	var sessions []int64
	into := []any{&found.Position, &found.Participants, (*milliseconds)(&found.Duration), text(&active.UserID),
		(*zeronull.Int8)(&active.Sessions), &met, &sessions}
	err := q.read(ctx, studyStatsSQL, []any{studyID, first, today}, into, func() error { return nil })
	if err != nil {
		return StudySummary{}, err
	}
	if active.UserID != "" {
		found.MostActive = &active
	}
	if first == nil && len(met) > 0 {
		first = &met[0]
	}
	if first == nil {
		return found, nil
	}
	next := 0
	for d := *first; d <= today; d++ {
		summary := DaySummary{Day: d.midnight()}
		if next < len(met) && met[next] == d {
			summary.Sessions = sessions[next]
			next++
		}
		found.Sessions += summary.Sessions
		found.Days = append(found.Days, summary)
	}
	return found, nil
}
