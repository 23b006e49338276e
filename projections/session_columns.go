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

// Int64Value implements pgtype.Int64Valuer.
func (m milliseconds) Int64Value() (pgtype.Int8, error) {
	return pgtype.Int8{Int64: time.Duration(m).Milliseconds(), Valid: true}, nil
}

// sessionFields and participantFields are the columns that sessionValues and participantValues give, in this order.
func sessionFields() []string {
	return []string{"study_id", "position", "id", "started_by", "started_at", "ended_at", "end_reason"}
}

func sessionValues(study string, position int64, s domain.Session) []any {
	return []any{study, position, s.ID, s.StartedBy, nullable(s.StartedAt), nullable(s.EndedAt), zeronull.Text(s.EndReason)}
}

func participantFields() []string {
	return []string{"session_id", "ordinal", "id", "user_id", "joined_at", "left_at", "last_at", "present_ms", "present_since",
		"muted_ms", "muted_since", "camera_off_ms", "camera_off_since", "sharing_ms", "sharing_since"}
}

func participantValues(sessionID string, ordinal int, p *domain.Participant) []any {
	values := []any{sessionID, int32(ordinal), p.ID, p.UserID, nullable(p.JoinedAt), //nolint:gosec // a call has few participants
		nullable(p.LeftAt), nullable(p.LastAt)}
	for _, w := range []domain.Stopwatch{p.Present, p.Muted, p.CameraOff, p.Sharing} {
		values = append(values, milliseconds(w.Total), nullable(w.Since))
	}
	return values
}

// byColumn turns rows into one array for each of n columns, for unnest.
func byColumn(rows [][]any, n int) []any {
	columns := make([]any, n)
	for c := range columns {
		column := make([]any, len(rows))
		for r, row := range rows {
			column[r] = row[c]
		}
		columns[c] = column
	}
	return columns
}
