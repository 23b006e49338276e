package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// History is the read model of ended sessions, ready to page through: within a study they are numbered 1, 2, 3 … in the
// order in which they ended, which is the order in which they started, since they never overlap. A page is a range of
// numbers, and so costs the same wherever it is.
type History struct{}

// Name implements Projection.
func (History) Name() string { return "history" }

// Version implements Projection.
func (History) Version() Version { return Version{Number: 1} }

// Tables implements Projection.
func (History) Tables() string {
	return `
		create table sessions (
			session_id      text        not null,
			study_id        text        not null,
			number          bigint      not null,   -- 1, 2, 3 … within the study
			started_by      text        not null,
			started_at      timestamptz not null,
			ended_at        timestamptz not null,
			participant_ids text[]      not null,   -- in order of first join, as are the other two
			user_ids        text[]      not null,
			present_ms      bigint[]    not null,
			position        bigint      not null    -- of its SessionEnded
		)`
}

// Indexes implements Projection. Nobody searches by the lists, and to sample what is in them takes ten times as long as the
// rest of ANALYZE.
func (History) Indexes() string {
	return `
		alter table sessions alter participant_ids set statistics 0, alter user_ids set statistics 0,
			alter present_ms set statistics 0;
		alter table sessions add primary key (session_id);
		create unique index sessions_number on sessions (study_id, number);
		create index sessions_started_at on sessions (study_id, started_at, number)`
}

// historyColumns are the columns that historyRow gives, in this order.
func historyColumns() []string {
	return []string{"session_id", "study_id", "number", "started_by", "started_at", "ended_at", "participant_ids",
		"user_ids", "present_ms", "position"}
}

func historyRow(e ended, number int64) []any {
	n := len(e.session.Participants)
	ids, users, present := make([]string, n), make([]string, n), make([]int64, n)
	for i := range e.session.Participants {
		p := &e.session.Participants[i]
		ids[i], users[i], present[i] = p.ID, p.UserID, p.Present.Total.Milliseconds()
	}
	s := e.session
	return []any{s.ID, e.study, number, s.StartedBy, s.StartedAt, s.EndedAt, ids, users, present, e.position}
}

// The number is one more than the study's last; a session that is there already stays as it is.
const insertHistorySQL = `
	insert into sessions (session_id, study_id, number, started_by, started_at, ended_at, participant_ids, user_ids,
		present_ms, position)
	select $1, $2, coalesce((select s.number from sessions s where s.study_id = $2 order by s.number desc limit 1), 0) + 1,
		$3, $4, $5, $6, $7, $8, $9
	on conflict (session_id) do nothing`

// Folds implements Projection.
func (History) Folds() domain.Event { return domain.SessionEnded{} }

// Fold implements Projection.
func (History) Fold(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) error {
	sessions, err := endedSessions(ctx, tx, events)
	if err != nil || len(sessions) == 0 {
		return err
	}
	batch := &pgx.Batch{}
	for _, e := range sessions {
		row := historyRow(e, 0)
		batch.Queue(insertHistorySQL, append(row[:2:2], row[3:]...)...)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// Replay implements Projection.
func (History) Replay() Replay { return &historyReplay{last: map[string]int64{}} }

type historyReplay struct {
	last map[string]int64 // the latest number, by study
	rows rows
}

func (r *historyReplay) session(e ended) {
	r.last[e.study]++
	r.rows.add(historyRow(e, r.last[e.study]))
}

func (r *historyReplay) open(ended) {}

func (r *historyReplay) full() writes {
	if !r.rows.full() {
		return nil
	}
	return r.rest()
}

func (r *historyReplay) rest() writes {
	rows := r.rows.take()
	return func(ctx context.Context, tx pgx.Tx) error {
		return rows.copyTo(ctx, tx, table{"sessions", historyColumns()})
	}
}
