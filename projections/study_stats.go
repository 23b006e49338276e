package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// StudyStats is the read model of each study's days, and of each user's days in it: sums over the ended sessions. A session
// belongs to the day on which it started, in the statistics time zone.
type StudyStats struct {
	// Zone is the statistics time zone. Tables that were made in another one are rebuilt.
	Zone *time.Location
}

// Name implements Projection.
func (StudyStats) Name() string { return "study_stats" }

// Version implements Projection.
func (p StudyStats) Version() Version { return Version{Number: 1, Variant: p.Zone.String()} }

// Tables implements Projection.
func (StudyStats) Tables() string { return dayTotals().createSQL() + ";" + userDayTotals().createSQL() }

// Indexes implements Projection.
func (StudyStats) Indexes() string {
	return dayTotals().primaryKeySQL() + ";" + userDayTotals().primaryKeySQL()
}

// dayTotal is a row of days.
type dayTotal struct {
	study                  string
	day                    day
	sessions, participants int64 // participants is the sum of the sessions' distinct participants
	duration               milliseconds
	position               int64 // of the last session in the row
}

func dayTotals() table[dayTotal] {
	return table[dayTotal]{name: "days", fillfactor: 80, columns: []column[dayTotal]{
		{"study_id", "text", key, func(t *dayTotal) any { return &t.study }},
		{"day", "date", key, func(t *dayTotal) any { return &t.day }},
		{"sessions", "bigint", summed, func(t *dayTotal) any { return &t.sessions }},
		{"participants", "bigint", summed, func(t *dayTotal) any { return &t.participants }},
		{"duration_ms", "bigint", summed, func(t *dayTotal) any { return &t.duration }},
		{"position", "bigint", latest, func(t *dayTotal) any { return &t.position }},
	}}
}

// userDayTotal is a row of user_days.
type userDayTotal struct {
	study    string
	day      day
	user     string
	sessions int64
	present  milliseconds
	position int64 // of the last session in the row
}

func userDayTotals() table[userDayTotal] {
	return table[userDayTotal]{name: "user_days", fillfactor: 80, columns: []column[userDayTotal]{
		{"study_id", "text", key, func(t *userDayTotal) any { return &t.study }},
		{"day", "date", key, func(t *userDayTotal) any { return &t.day }},
		{"user_id", "text", key, func(t *userDayTotal) any { return &t.user }},
		{"sessions", "bigint", summed, func(t *userDayTotal) any { return &t.sessions }},
		{"present_ms", "bigint", summed, func(t *userDayTotal) any { return &t.present }},
		{"position", "bigint", latest, func(t *userDayTotal) any { return &t.position }},
	}}
}

// rows returns what an ended session adds to its day, and to each participant's.
func (p StudyStats) rows(c *chapter) (dayTotal, []userDayTotal) {
	d := dayAt(c.Session.StartedAt.In(p.Zone))
	users := make([]userDayTotal, len(c.Session.Participants))
	for i := range users {
		participant := &c.Session.Participants[i]
		users[i] = userDayTotal{c.study, d, participant.UserID, 1, milliseconds(participant.Present.Total), c.position}
	}
	return dayTotal{c.study, d, 1, int64(len(users)), milliseconds(c.Session.Duration()), c.position}, users
}

// Folds implements Projection.
func (StudyStats) Folds() domain.Event { return domain.SessionEnded{} }

// Fold implements Projection.
func (p StudyStats) Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	chapters, err := endedChapters(ctx, tx, events)
	if err != nil {
		return err
	}
	return p.add(ctx, tx, chapters)
}

// add adds ended sessions to the tables, which have a unique index on their keys.
func (p StudyStats) add(ctx context.Context, tx pgx.Tx, chapters []*chapter) error {
	var days []dayTotal
	var userDays []userDayTotal
	for _, c := range chapters {
		day, users := p.rows(c)
		days = append(days, day)
		userDays = append(userDays, users...)
	}
	if err := dayTotals().add(ctx, tx, days); err != nil {
		return err
	}
	return userDayTotals().add(ctx, tx, userDays)
}

// groupBytes is how many bytes of rows a replay collects before it groups them by study: a year's statistics are read four times
// as fast when its rows are not scattered over the table.
const groupBytes = 8 << 20

// Replay implements Projection.
func (p StudyStats) Replay() Replay {
	r := &studyStatsReplay{
		projection: p,
		studies:    map[string]*studyReplay{},
		days:       copyBuffer[dayTotal]{table: dayTotals()},
		userDays:   copyBuffer[userDayTotal]{table: userDayTotals()},
	}
	return Replay{[]buffer{&r.days, &r.userDays}, r.add, r.finish, r.addLate}
}

// studyStatsReplay encodes a study's day as soon as a session of a later day ends.
type studyStatsReplay struct {
	projection StudyStats
	studies    map[string]*studyReplay
	size       int // bytes of rows in studies
	days       copyBuffer[dayTotal]
	userDays   copyBuffer[userDayTotal]
	// late are sessions of days that are encoded already. Sessions of a study never overlap, but a few time zones have turned
	// their clocks back over midnight, and another program may have written days in any order.
	late []*chapter
}

// studyReplay is a study's current day, and the encoded rows of its earlier days.
type studyReplay struct {
	day               dayTotal
	users             []userDayTotal // in the order of their ids
	dayRows, userRows []byte
}

func (r *studyStatsReplay) add(c *chapter) {
	day, users := r.projection.rows(c)
	study, known := r.studies[c.study]
	switch {
	case !known:
		study = &studyReplay{day: day}
		r.studies[c.study] = study
	case day.day == study.day.day:
		r.days.table.merge(&study.day, &day)
	case day.day < study.day.day:
		r.late = append(r.late, c)
		return
	default:
		r.encode(study)
		study.day, study.users = day, study.users[:0]
	}
	for i := range users {
		at, found := slices.BinarySearchFunc(study.users, users[i].user, func(t userDayTotal, id string) int { return cmp.Compare(t.user, id) })
		if found {
			r.userDays.table.merge(&study.users[at], &users[i])
		} else {
			study.users = slices.Insert(study.users, at, users[i])
		}
	}
	if r.size >= groupBytes {
		r.group()
	}
}

// encode appends the rows of a study's current day to those of its earlier days.
func (r *studyStatsReplay) encode(study *studyReplay) {
	before := len(study.dayRows) + len(study.userRows)
	study.dayRows = r.days.table.appendRow(study.dayRows, &study.day)
	for i := range study.users {
		study.userRows = r.userDays.table.appendRow(study.userRows, &study.users[i])
	}
	r.size += len(study.dayRows) + len(study.userRows) - before
}

// group moves the encoded rows to the buffers, study by study.
func (r *studyStatsReplay) group() {
	r.userDays.encoded = slices.Grow(r.userDays.encoded, r.size)
	for _, study := range r.studies {
		r.days.encoded = append(r.days.encoded, study.dayRows...)
		r.userDays.encoded = append(r.userDays.encoded, study.userRows...)
		study.dayRows, study.userRows = nil, nil // not [:0]: there may be more studies than memory for their rows
	}
	r.size = 0
}

// finish moves the rows of all days to the buffers.
func (r *studyStatsReplay) finish([]*chapter) {
	for _, study := range r.studies {
		r.encode(study)
	}
	r.group()
}

// addLate adds the late sessions, after the rows of all days, as the live fold does. The tables have no indexes yet.
func (r *studyStatsReplay) addLate(ctx context.Context, tx pgx.Tx) error {
	if len(r.late) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `create unique index late_days on days (`+r.days.table.keys("")+`);
		create unique index late_user_days on user_days (`+r.userDays.table.keys("")+`)`); err != nil {
		return fmt.Errorf("index the days of late sessions: %w", err)
	}
	if err := r.projection.add(ctx, tx, r.late); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `drop index late_days, late_user_days`)
	return err
}

// StudyStatsQueries reads the study_stats projection. Its methods may be called concurrently.
type StudyStatsQueries struct {
	queries
	zone *time.Location
}

// NewStudyStatsQueries reads the tables of a statistics time zone through pool, and waits for the projection through store.
func NewStudyStatsQueries(pool *pgxpool.Pool, store *eventstore.Store, zone *time.Location) *StudyStatsQueries {
	return &StudyStatsQueries{queries{pool, store, checkpointName(StudyStats{Zone: zone})}, zone}
}

// AllDays is the number of days that stands for every day up to today.
const AllDays = 0

// StudySummary holds the totals of a study over a range of days: those of the ended sessions that started on them.
type StudySummary struct {
	Sessions     int64
	Participants int64         // the sum of the sessions' distinct participants
	Duration     time.Duration // the sum of the sessions' durations; whole milliseconds
	// MostActive is the user who took part in the most sessions. Among several it is the one who was present longest, and among
	// several of these the one with the smallest id, compared byte by byte. It is nil if nobody took part in a session.
	MostActive *ActiveUser
	Days       []DaySummary // every day in order, including days without sessions
	Position   int64        // in the log: the summary holds every event up to here
}

// ActiveUser is a user and the number of sessions in which the user took part.
type ActiveUser struct {
	UserID   string
	Sessions int64
}

// DaySummary is one calendar day of the statistics time zone.
type DaySummary struct {
	Day      time.Time // midnight UTC of the calendar day
	Sessions int64
}

// The rows of a study's days are adjacent in the primary key, and so are the rows of its users' days. Ids are compared byte by
// byte, so that the order does not depend on the database's collation.
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

// Summary returns the totals of a study over a number of days, the last of which is the day of now in the statistics time zone.
// AllDays begins on the day of the study's first session, and is empty if there was none. A session that has just ended may be
// missing for a fraction of a second: see WaitFor. The error is ErrUnavailable, or the database's.
func (q *StudyStatsQueries) Summary(ctx context.Context, studyID string, days int, now time.Time) (StudySummary, error) {
	today := dayAt(now.In(q.zone))
	var first *day // nil: any
	if days != AllDays {
		begin := dayAt(today.midnight().AddDate(0, 0, 1-days))
		first = &begin
	}
	var found StudySummary
	var active ActiveUser
	var daysWithSessions []day
	var sessions []int64
	into := []any{&found.Position, &found.Participants, (*milliseconds)(&found.Duration), (*zeronull.Text)(&active.UserID),
		(*zeronull.Int8)(&active.Sessions), &daysWithSessions, &sessions}
	err := q.read(ctx, studyStatsSQL, []any{studyID, first, today}, into, func() error { return nil })
	if err != nil {
		return StudySummary{}, err
	}
	if active.UserID != "" {
		found.MostActive = &active
	}
	if first == nil && len(daysWithSessions) > 0 {
		first = &daysWithSessions[0]
	}
	if first == nil {
		return found, nil
	}
	next := 0
	for d := *first; d <= today; d++ {
		summary := DaySummary{Day: d.midnight()}
		if next < len(daysWithSessions) && daysWithSessions[next] == d {
			summary.Sessions = sessions[next]
			next++
		}
		found.Sessions += summary.Sessions
		found.Days = append(found.Days, summary)
	}
	return found, nil
}
