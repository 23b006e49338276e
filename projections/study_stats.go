package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// StudyStats is the read model of what each study did on each day, and each of its users: sums over the ended sessions. A
// session belongs to the day on which it started, in the statistics time zone.
type StudyStats struct {
	// Zone is the statistics time zone. Tables that were made in another are rebuilt.
	Zone *time.Location
}

// Name implements Projection.
func (StudyStats) Name() string { return "study_stats" }

// Version implements Projection.
func (p StudyStats) Version() Version { return Version{Number: 1, Variant: p.Zone.String()} }

// Tables implements Projection.
func (StudyStats) Tables() string {
	return `
		create table days (
			study_id     text   not null,
			day          date   not null,
			sessions     bigint not null,
			participants bigint not null,   -- the sum of the sessions' distinct participants
			duration_ms  bigint not null,
			position     bigint not null    -- of the last session in the row
		) with (fillfactor = 80);
		create table user_days (
			study_id   text   not null,
			day        date   not null,
			user_id    text   not null,
			sessions   bigint not null,
			present_ms bigint not null,
			position   bigint not null
		) with (fillfactor = 80)`
}

// Indexes implements Projection.
func (StudyStats) Indexes() string {
	return `
		alter table days add primary key (study_id, day);
		alter table user_days add primary key (study_id, day, user_id)`
}

// dayKey is a day of a study.
type dayKey struct {
	study string
	day   day
}

// dayTotal is a row of days.
type dayTotal struct {
	dayKey
	sessions, participants int64
	duration               milliseconds
	position               int64
}

func (t *dayTotal) add(e ended) {
	if e.position <= t.position {
		return
	}
	t.sessions++
	t.participants += int64(len(e.session.Participants))
	t.duration += milliseconds(e.session.Duration())
	t.position = e.position
}

// userDayKey is a user on a day of a study.
type userDayKey struct {
	dayKey
	user string
}

// userDayTotal is a row of user_days.
type userDayTotal struct {
	userDayKey
	sessions int64
	present  milliseconds
	position int64
}

func (t *userDayTotal) add(e ended, p *domain.Participant) {
	if e.position <= t.position {
		return
	}
	t.sessions++
	t.present += milliseconds(p.Present.Total)
	t.position = e.position
}

// dayOf is the day to which a session belongs.
func (p StudyStats) dayOf(e ended) dayKey {
	return dayKey{e.study, dayAt(e.session.StartedAt.In(p.Zone))}
}

func dayTotals() totals[dayKey, dayTotal] {
	return totals[dayKey, dayTotal]{
		table: table{"days", []string{"study_id", "day", "sessions", "participants", "duration_ms", "position"}},
		load: `
			select study_id, day, sessions, participants, duration_ms, position
			from unnest($1::text[], $2::date[]) as k (study_id, day) join days using (study_id, day)`,
		upsert: `
			insert into days (study_id, day, sessions, participants, duration_ms, position) values ($1, $2, $3, $4, $5, $6)
			on conflict (study_id, day) do update set sessions = excluded.sessions, participants = excluded.participants,
				duration_ms = excluded.duration_ms, position = excluded.position`,
		keys: func(keys []dayKey) []any {
			studies, days := make([]string, len(keys)), make([]day, len(keys))
			for i, k := range keys {
				studies[i], days[i] = k.study, k.day
			}
			return []any{studies, days}
		},
		empty: func(k dayKey) dayTotal { return dayTotal{dayKey: k} },
		key:   func(t *dayTotal) dayKey { return t.dayKey },
		fields: func(t *dayTotal) []any {
			return []any{&t.study, &t.day, &t.sessions, &t.participants, &t.duration, &t.position}
		},
	}
}

func userDayTotals() totals[userDayKey, userDayTotal] {
	return totals[userDayKey, userDayTotal]{
		table: table{"user_days", []string{"study_id", "day", "user_id", "sessions", "present_ms", "position"}},
		load: `
			select study_id, day, user_id, sessions, present_ms, position
			from unnest($1::text[], $2::date[], $3::text[]) as k (study_id, day, user_id)
			join user_days using (study_id, day, user_id)`,
		upsert: `
			insert into user_days (study_id, day, user_id, sessions, present_ms, position) values ($1, $2, $3, $4, $5, $6)
			on conflict (study_id, day, user_id) do update set sessions = excluded.sessions,
				present_ms = excluded.present_ms, position = excluded.position`,
		keys: func(keys []userDayKey) []any {
			studies, days, users := make([]string, len(keys)), make([]day, len(keys)), make([]string, len(keys))
			for i, k := range keys {
				studies[i], days[i], users[i] = k.study, k.day, k.user
			}
			return []any{studies, days, users}
		},
		empty: func(k userDayKey) userDayTotal { return userDayTotal{userDayKey: k} },
		key:   func(t *userDayTotal) userDayKey { return t.userDayKey },
		fields: func(t *userDayTotal) []any {
			return []any{&t.study, &t.day, &t.user, &t.sessions, &t.present, &t.position}
		},
	}
}

// Folds implements Projection.
func (StudyStats) Folds() domain.Event { return domain.SessionEnded{} }

// Fold implements Projection.
func (p StudyStats) Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	sessions, err := endedSessions(ctx, tx, events)
	if err != nil {
		return err
	}
	return p.add(ctx, tx, sessions)
}

// add adds sessions to the rows of their days.
func (p StudyStats) add(ctx context.Context, tx pgx.Tx, sessions []ended) error {
	var days []addition[dayKey, dayTotal]
	var userDays []addition[userDayKey, userDayTotal]
	for _, e := range sessions {
		day := p.dayOf(e)
		days = append(days, addition[dayKey, dayTotal]{day, func(t *dayTotal) { t.add(e) }})
		for i := range e.session.Participants {
			participant := &e.session.Participants[i]
			userDays = append(userDays, addition[userDayKey, userDayTotal]{
				userDayKey{day, participant.UserID}, func(t *userDayTotal) { t.add(e, participant) },
			})
		}
	}
	if err := dayTotals().fold(ctx, tx, days); err != nil {
		return err
	}
	return userDayTotals().fold(ctx, tx, userDays)
}
