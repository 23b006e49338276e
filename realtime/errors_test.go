package realtime

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/realtime/realtimetest"
	"github.com/studycall/studycall/realtime/recording"
)

// A leave is retried after whatever the database answers, until the call refuses it. A toggle, for which a client waits, is refused
// at once.
func TestALeaveIsRetriedUntilTheCallRefusesIt(t *testing.T) {
	t.Parallel()
	q := recording.New(recording.Config{Retryable: retryable, Final: final, Log: slog.New(slog.DiscardHandler)})
	defer q.Close()
	kim := recording.Participant{StudyID: "go", UserID: "kim"}
	for _, code := range []string{"57014", "40P01", "40001", "55P03", "XX000"} {
		for required, want := range map[bool]int{true: 3, false: 1} {
			attempts, done := 0, make(chan error, 1)
			r := recording.Record{
				Write: func(context.Context) error {
					if attempts++; attempts < 3 {
						return &pgconn.PgError{Code: code}
					}
					return domain.ErrParticipantNotFound
				},
				Done: func(_ context.Context, err error) { done <- err },
			}
			if required {
				q.AddRequired(kim, r)
			} else {
				check.NoError(t, q.Add(kim, r))
			}
			err := realtimetest.Receive(t, done)
			if attempts != want || errors.Is(err, domain.ErrParticipantNotFound) != required {
				t.Errorf("%s, required %t: %d attempts, %v", code, required, attempts, err)
			}
		}
	}
}
