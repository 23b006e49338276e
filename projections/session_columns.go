package projections

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/studycall/studycall/domain"
)

// The columns that hold a domain.Session and a domain.Participant, and where to scan them. A null column is a zero value.
const (
	sessionColumns     = `s.id, s.started_by, s.started_at, s.ended_at, s.end_reason`
	participantColumns = `p.id, p.user_id, p.joined_at, p.left_at, p.last_at,
		p.present_ms, p.present_since, p.muted_ms, p.muted_since,
		p.camera_off_ms, p.camera_off_since, p.sharing_ms, p.sharing_since`
)

func sessionTargets(s *domain.Session) []any {
	return []any{text(&s.ID), text(&s.StartedBy), timestamp(&s.StartedAt), timestamp(&s.EndedAt),
		(*zeronull.Text)(&s.EndReason)}
}

func participantTargets(p *domain.Participant) []any {
	targets := []any{text(&p.ID), text(&p.UserID), timestamp(&p.JoinedAt), timestamp(&p.LeftAt), timestamp(&p.LastAt)}
	for _, w := range []*domain.Stopwatch{&p.Present, &p.Muted, &p.CameraOff, &p.Sharing} {
		targets = append(targets, (*milliseconds)(&w.Total), timestamp(&w.Since))
	}
	return targets
}

func text(s *string) *zeronull.Text                { return (*zeronull.Text)(s) }
func timestamp(t *time.Time) *zeronull.Timestamptz { return (*zeronull.Timestamptz)(t) }
func nullable(t time.Time) zeronull.Timestamptz    { return zeronull.Timestamptz(t) }

// milliseconds is a duration that a bigint column holds in milliseconds.
type milliseconds time.Duration

// ScanInt64 implements pgtype.Int64Scanner. Null, which only an outer join gives, is 0.
func (m *milliseconds) ScanInt64(v pgtype.Int8) error {
	*m = milliseconds(time.Duration(v.Int64) * time.Millisecond)
	return nil
}

// sessionArrays are rows of sessions, by column, to be written in one statement.
type sessionArrays struct {
	studyID   []string
	position  []int64
	id        []string
	startedBy []string
	startedAt []zeronull.Timestamptz
	endedAt   []zeronull.Timestamptz
	endReason []zeronull.Text
}

func (a *sessionArrays) add(studyID string, position int64, s domain.Session) {
	a.studyID, a.position = append(a.studyID, studyID), append(a.position, position)
	a.id, a.startedBy = append(a.id, s.ID), append(a.startedBy, s.StartedBy)
	a.startedAt, a.endedAt = append(a.startedAt, nullable(s.StartedAt)), append(a.endedAt, nullable(s.EndedAt))
	a.endReason = append(a.endReason, zeronull.Text(s.EndReason))
}

func (a *sessionArrays) args() []any {
	return []any{a.studyID, a.position, a.id, a.startedBy, a.startedAt, a.endedAt, a.endReason}
}

// participantArrays are rows of session_participants, by column.
type participantArrays struct {
	sessionID []string
	ordinal   []int32
	id        []string
	userID    []string
	times     [3][]zeronull.Timestamptz // joined, left, last
	totals    [4][]int64                // in milliseconds: present, muted, camera off, sharing
	since     [4][]zeronull.Timestamptz
}

func (a *participantArrays) add(sessionID string, ordinal int, p domain.Participant) {
	a.sessionID, a.ordinal = append(a.sessionID, sessionID), append(a.ordinal, int32(ordinal))
	a.id, a.userID = append(a.id, p.ID), append(a.userID, p.UserID)
	for i, t := range []time.Time{p.JoinedAt, p.LeftAt, p.LastAt} {
		a.times[i] = append(a.times[i], nullable(t))
	}
	for i, w := range []domain.Stopwatch{p.Present, p.Muted, p.CameraOff, p.Sharing} {
		a.totals[i] = append(a.totals[i], w.Total.Milliseconds())
		a.since[i] = append(a.since[i], nullable(w.Since))
	}
}

func (a *participantArrays) args() []any {
	args := []any{a.sessionID, a.ordinal, a.id, a.userID, a.times[0], a.times[1], a.times[2]}
	for i := range a.totals {
		args = append(args, a.totals[i], a.since[i])
	}
	return args
}
