package projections

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// UserStats is the read model of what each user did in each study: sums over the ended sessions.
type UserStats struct{}

// Name implements Projection.
func (UserStats) Name() string { return "user_stats" }

// Version implements Projection.
func (UserStats) Version() Version { return Version{Number: 1} }

// Tables implements Projection.
func (UserStats) Tables() string {
	return `
		create table totals (
			study_id        text        not null,
			user_id         text        not null,
			sessions        bigint      not null,
			present_ms      bigint      not null,
			muted_ms        bigint      not null,
			camera_off_ms   bigint      not null,
			sharing_ms      bigint      not null,
			first_joined_at timestamptz not null,
			last_left_at    timestamptz not null,
			position        bigint      not null    -- of the last session in the row
		) with (fillfactor = 80)`
}

// Indexes implements Projection.
func (UserStats) Indexes() string { return `alter table totals add primary key (study_id, user_id)` }

// userKey is a user in a study.
type userKey struct{ study, user string }

func (k userKey) compare(other userKey) int {
	return cmp.Or(cmp.Compare(k.study, other.study), cmp.Compare(k.user, other.user))
}

// userTotal is a row of totals.
type userTotal struct {
	userKey
	sessions                          int64
	present, muted, cameraOff, shared milliseconds
	firstJoined, lastLeft             time.Time
	position                          int64
}

// add takes in a participant of a session that ended.
func (t *userTotal) add(e ended, p *domain.Participant) {
	if e.position <= t.position {
		return
	}
	if t.sessions == 0 || p.JoinedAt.Before(t.firstJoined) {
		t.firstJoined = p.JoinedAt
	}
	if p.LeftAt.After(t.lastLeft) {
		t.lastLeft = p.LeftAt
	}
	t.sessions++
	t.present += milliseconds(p.Present.Total)
	t.muted += milliseconds(p.Muted.Total)
	t.cameraOff += milliseconds(p.CameraOff.Total)
	t.shared += milliseconds(p.Sharing.Total)
	t.position = e.position
}

func userTotals() totals[userKey, userTotal] {
	return totals[userKey, userTotal]{
		table: table{"totals", []string{"study_id", "user_id", "sessions", "present_ms", "muted_ms", "camera_off_ms",
			"sharing_ms", "first_joined_at", "last_left_at", "position"}},
		load: `
		select study_id, user_id, sessions, present_ms, muted_ms, camera_off_ms, sharing_ms, first_joined_at, last_left_at,
			position
		from unnest($1::text[], $2::text[]) as k (study_id, user_id) join totals using (study_id, user_id)`,
		upsert: `
		insert into totals (study_id, user_id, sessions, present_ms, muted_ms, camera_off_ms, sharing_ms, first_joined_at,
			last_left_at, position)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		on conflict (study_id, user_id) do update set sessions = excluded.sessions, present_ms = excluded.present_ms,
			muted_ms = excluded.muted_ms, camera_off_ms = excluded.camera_off_ms, sharing_ms = excluded.sharing_ms,
			first_joined_at = excluded.first_joined_at, last_left_at = excluded.last_left_at, position = excluded.position`,
		keys: func(keys []userKey) []any {
			studies, users := make([]string, len(keys)), make([]string, len(keys))
			for i, k := range keys {
				studies[i], users[i] = k.study, k.user
			}
			return []any{studies, users}
		},
		empty: func(k userKey) userTotal { return userTotal{userKey: k} },
		key:   func(t *userTotal) userKey { return t.userKey },
		fields: func(t *userTotal) []any {
			return []any{&t.study, &t.user, &t.sessions, &t.present, &t.muted, &t.cameraOff, &t.shared, &t.firstJoined,
				&t.lastLeft, &t.position}
		},
	}
}

// Folds implements Projection.
func (UserStats) Folds() domain.Event { return domain.SessionEnded{} }

// Fold implements Projection.
func (UserStats) Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	sessions, err := endedSessions(ctx, tx, events)
	if err != nil {
		return err
	}
	var additions []addition[userKey, userTotal]
	for _, e := range sessions {
		for i := range e.session.Participants {
			p := &e.session.Participants[i]
			additions = append(additions, addition[userKey, userTotal]{
				userKey{e.study, p.UserID}, func(t *userTotal) { t.add(e, p) },
			})
		}
	}
	return userTotals().fold(ctx, tx, additions)
}

// Replay implements Projection.
func (UserStats) Replay() Replay { return &userStatsReplay{map[userKey]*userTotal{}} }

type userStatsReplay struct{ totals map[userKey]*userTotal }

func (r *userStatsReplay) session(e ended) {
	for i := range e.session.Participants {
		p := &e.session.Participants[i]
		key := userKey{e.study, p.UserID}
		total, known := r.totals[key]
		if !known {
			total = &userTotal{userKey: key}
			r.totals[key] = total
		}
		total.add(e, p)
	}
}

func (r *userStatsReplay) open(ended) {}

func (r *userStatsReplay) full() writes { return nil }

// rest gives the rows in the order of their keys, so that those of a study are stored together.
func (r *userStatsReplay) rest() writes {
	into := userTotals()
	return func(ctx context.Context, tx pgx.Tx) error {
		var rows rows
		for _, key := range slices.SortedFunc(maps.Keys(r.totals), userKey.compare) {
			rows.add(into.fields(r.totals[key]))
		}
		return rows.copyTo(ctx, tx, into.table)
	}
}
