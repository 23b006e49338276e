package realtime

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// What must be written is tried again after whatever the database said, and ends only by the record's own word; what a client
// waits for is refused at once.
func TestWhatMustBeWrittenIsTriedUntilTheRecordAnswers(t *testing.T) {
	t.Parallel()
	r := newRecorder(slog.New(slog.NewTextHandler(t.Output(), nil)))
	defer r.close()
	kim := participant{"go", "kim"}
	for _, code := range []string{"57014", "40P01", "40001", "55P03", "XX000"} {
		for must, want := range map[bool]int{true: 3, false: 1} {
			tries, ended := 0, make(chan error, 1)
			rec := record{
				do: func(context.Context) error {
					if tries++; tries < 3 {
						return &pgconn.PgError{Code: code}
					}
					return domain.ErrParticipantNotFound
				},
				done: func(err error) { ended <- err },
			}
			if must {
				r.mustAdd(kim, rec)
			} else if err := r.add(kim, rec); err != nil {
				t.Fatal(err)
			}
			err := realtimetest.Receive(t, ended)
			if tries != want || errors.Is(err, domain.ErrParticipantNotFound) != must {
				t.Errorf("%s, must %t: %d attempts, %v", code, must, tries, err)
			}
		}
	}
}

// A panic ends one record; what comes after it is written.
func TestARecordThatPanics(t *testing.T) {
	t.Parallel()
	r := newRecorder(slog.New(slog.NewTextHandler(t.Output(), nil)))
	defer r.close()
	kim, ended := participant{"go", "kim"}, make(chan error, 2)
	done := func(err error) { ended <- err }
	r.mustAdd(kim, record{do: func(context.Context) error { panic("oh") }, done: done})
	r.mustAdd(kim, record{do: func(context.Context) error { return nil }, done: done})
	if err := realtimetest.Receive(t, ended); !errors.Is(err, errPanicked) {
		t.Errorf("the first ended with %v", err)
	}
	must(t, realtimetest.Receive(t, ended))
	if r.busy(kim) {
		must(t, r.flush(t.Context()))
	}
}

// In an outage a few who have very much waiting do not take the others' places.
func TestEverybodyHasAShareOfWhatMayWait(t *testing.T) {
	t.Parallel()
	r := newRecorder(slog.New(slog.DiscardHandler))
	defer r.close()
	stuck := record{do: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, done: func(error) {}}
	for i := range waitingRecords {
		must(t, r.add(participant{string(rune('a' + i/participantRecords)), "hog"}, stuck))
	}
	if err := r.add(participant{"another", "hog"}, stuck); !errors.Is(err, errRecorderFull) {
		t.Errorf("one more of the same: %v", err)
	}
	for range userRecords {
		must(t, r.add(participant{"go", "kim"}, stuck))
	}
	if err := r.add(participant{"rust", "kim"}, stuck); !errors.Is(err, errRecorderFull) {
		t.Errorf("more than the share: %v", err)
	}
}
