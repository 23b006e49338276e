package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

const (
	// daysApart is how far the days of sessions that follow each other go backwards: sessions of a study never overlap, but a
	// few time zones have turned their clocks back over midnight. What is later still, as in a log that another program wrote,
	// is added in the end.
	daysApart = 1
	// studyRows is how many bytes of a study's rows are written together: they are read together, and a year's statistics
	// are four times as fast when they are not scattered over the table.
	studyRows = 16 << 10
	// waitingRows bounds what all studies together hold back for that.
	waitingRows = 32 << 20
)

// Replay implements Projection.
func (p StudyStats) Replay() Replay {
	return &studyStatsReplay{of: p, dayTotals: dayTotals(), userDayTotals: userDayTotals(), studies: map[string]*recentDays{}}
}

// studyStatsReplay writes a study's days as soon as no session can be added to them any more.
type studyStatsReplay struct {
	of             StudyStats
	dayTotals      totals[dayKey, dayTotal]
	userDayTotals  totals[userDayKey, userDayTotal]
	studies        map[string]*recentDays
	waiting        int            // bytes of rows in studies
	spare          []userDayTotal // room for the users of the next day
	days, userDays rows
	late           []ended // sessions of days that are written already
}

// recentDays are a study's latest days, in order, and the rows of those before that wait to be written.
type recentDays struct {
	recent         []replayedDay
	days, userDays rows
}

// replayedDay is a day of a study while the log is folded: its row, and its users' in the order of their ids.
type replayedDay struct {
	total dayTotal
	users []userDayTotal
}

func (r *studyStatsReplay) session(e ended) {
	study, known := r.studies[e.study]
	if !known {
		study = &recentDays{}
		r.studies[e.study] = study
	}
	key := r.of.dayOf(e)
	at, found := slices.BinarySearchFunc(study.recent, key.day, func(d replayedDay, of day) int {
		return cmp.Compare(d.total.day, of)
	})
	if !found {
		if last := len(study.recent) - 1; last >= 0 && key.day < study.recent[last].total.day-daysApart {
			r.late = append(r.late, e)
			return
		}
		study.recent = slices.Insert(study.recent, at, replayedDay{total: dayTotal{dayKey: key}, users: r.spare})
		r.spare = nil
	}
	study.recent[at].add(e)
	r.finish(study, study.recent[len(study.recent)-1].total.day-daysApart)
}

func (d *replayedDay) add(e ended) {
	d.total.add(e)
	for i := range e.session.Participants {
		p := &e.session.Participants[i]
		at, found := slices.BinarySearchFunc(d.users, p.UserID, func(t userDayTotal, user string) int {
			return cmp.Compare(t.user, user)
		})
		if !found {
			d.users = slices.Insert(d.users, at, userDayTotal{userDayKey: userDayKey{d.total.dayKey, p.UserID}})
		}
		d.users[at].add(e, p)
	}
}

// finish makes rows of a study's days before the given one.
func (r *studyStatsReplay) finish(study *recentDays, before day) {
	for len(study.recent) > 0 && study.recent[0].total.day < before {
		d := &study.recent[0]
		r.waiting -= study.size()
		study.days.add(r.dayTotals.fields(&d.total))
		for i := range d.users {
			study.userDays.add(r.userDayTotals.fields(&d.users[i]))
		}
		r.waiting += study.size()
		r.spare = d.users[:0]
		study.recent = slices.Delete(study.recent, 0, 1)
	}
	if study.size() >= studyRows {
		r.write(study)
	}
	if r.waiting >= waitingRows {
		for _, study := range r.studies {
			r.write(study)
		}
	}
}

func (s *recentDays) size() int { return len(s.days.encoded) + len(s.userDays.encoded) }

// write moves a study's rows to those that are written next.
func (r *studyStatsReplay) write(study *recentDays) {
	r.waiting -= study.size()
	r.days.append(study.days)
	r.userDays.append(study.userDays)
	study.days, study.userDays = rows{}, rows{} // there may be more studies than there is memory for what each once held
}

func (r *studyStatsReplay) open(ended) {}

func (r *studyStatsReplay) full() writes {
	if !r.userDays.full() {
		return nil
	}
	return r.taken()
}

func (r *studyStatsReplay) rest() writes {
	for _, study := range r.studies {
		r.finish(study, maxDay)
		r.write(study)
	}
	taken := r.taken()
	return func(ctx context.Context, tx pgx.Tx) error {
		if err := taken(ctx, tx); err != nil {
			return err
		}
		return r.addLate(ctx, tx)
	}
}

func (r *studyStatsReplay) taken() writes {
	days, userDays := r.days.take(), r.userDays.take()
	return func(ctx context.Context, tx pgx.Tx) error {
		if err := days.copyTo(ctx, tx, r.dayTotals.table); err != nil {
			return err
		}
		return userDays.copyTo(ctx, tx, r.userDayTotals.table)
	}
}

// addLate adds the late sessions to the rows of their days, as live. The tables have no indexes yet.
func (r *studyStatsReplay) addLate(ctx context.Context, tx pgx.Tx) error {
	if len(r.late) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `create unique index late_days on days (study_id, day);
		create unique index late_user_days on user_days (study_id, day, user_id)`); err != nil {
		return fmt.Errorf("find the days of late sessions: %w", err)
	}
	if err := r.of.add(ctx, tx, r.late); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `drop index late_days, late_user_days`)
	return err
}
