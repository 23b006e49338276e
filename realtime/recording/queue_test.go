package recording

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/realtime/realtimetest"
)

var (
	errUnavailable = errors.New("the database is unavailable")
	errRefused     = errors.New("refused")
)

// newQueue makes a queue that retries after errUnavailable, and for which errRefused is final.
func newQueue(t *testing.T) *Queue {
	t.Helper()
	return New(Config{
		Retryable: func(err error) bool { return errors.Is(err, errUnavailable) },
		Final:     func(err error) bool { return errors.Is(err, errRefused) },
		Log:       slog.New(slog.DiscardHandler),
	})
}

// result returns a Done that sends its error to the channel.
func result(to chan<- error) func(context.Context, error) {
	return func(_ context.Context, err error) { to <- err }
}

func TestRecordsOfAParticipantKeepTheirOrderThroughFailures(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	defer q.Close()
	var mu sync.Mutex
	var written []string
	for _, user := range []string{"kim", "lee"} {
		for i := range 20 {
			name := fmt.Sprintf("%s %d", user, i)
			failures := i % 3 / 2 * 2 // every third record fails twice
			check.NoError(t, q.Add(Participant{"go", user}, Record{
				Write: func(context.Context) error {
					if failures--; failures >= 0 {
						return errUnavailable
					}
					mu.Lock()
					defer mu.Unlock()
					written = append(written, name)
					return nil
				},
				Done: func(_ context.Context, err error) {
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
				},
			}))
		}
	}
	check.NoError(t, q.Flush(t.Context()))
	next := map[string]int{}
	for _, name := range written {
		user, _, _ := strings.Cut(name, " ")
		if want := fmt.Sprintf("%s %d", user, next[user]); name != want {
			t.Fatalf("%s was written before %s: %v", name, want, written)
		}
		next[user]++
	}
	if next["kim"] != 20 || next["lee"] != 20 {
		t.Errorf("written: %v", next)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	stuck := Record{Write: func(context.Context) error { return errUnavailable }, Done: func(context.Context, error) {}}
	kim, lee := Participant{"go", "kim"}, Participant{"go", "lee"}
	for range participantLimit {
		check.NoError(t, q.Add(kim, stuck))
	}
	if err := q.Add(kim, stuck); !errors.Is(err, ErrFull) {
		t.Errorf("one record above the limit: %v", err)
	}
	check.NoError(t, q.Add(lee, stuck))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := q.Do(ctx, lee, func(context.Context) error { t.Error("called after ctx ended"); return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Do behind a stuck record: %v", err)
	}
	if err := q.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Flush: %v", err)
	}
	q.Close()
	done := make(chan error, 1)
	q.AddRequired(kim, Record{Write: stuck.Write, Done: result(done)})
	if err := realtimetest.Receive(t, done); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// In an outage a few users with very many records do not use up the queue.
func TestEveryUserHasAShareOfTheQueue(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	defer q.Close()
	stuck := Record{
		Write: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		Done:  func(context.Context, error) {},
	}
	for i := range totalLimit {
		check.NoError(t, q.Add(Participant{string(rune('a' + i/participantLimit)), "hog"}, stuck))
	}
	if err := q.Add(Participant{"another", "hog"}, stuck); !errors.Is(err, ErrFull) {
		t.Errorf("one more record of the same user: %v", err)
	}
	for range userLimit {
		check.NoError(t, q.Add(Participant{"go", "kim"}, stuck))
	}
	if err := q.Add(Participant{"rust", "kim"}, stuck); !errors.Is(err, ErrFull) {
		t.Errorf("more than the share of a user: %v", err)
	}
}

// A required record is retried after an error that is neither retryable nor final. Another record ends with it.
func TestARequiredRecordIsRetriedUntilItsErrorIsFinal(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	defer q.Close()
	kim := Participant{"go", "kim"}
	for required, want := range map[bool]int{true: 3, false: 1} {
		attempts, done := 0, make(chan error, 1)
		r := Record{
			Write: func(context.Context) error {
				if attempts++; attempts < 3 {
					return errors.New("a deadlock")
				}
				return errRefused
			},
			Done: result(done),
		}
		if required {
			q.AddRequired(kim, r)
		} else {
			check.NoError(t, q.Add(kim, r))
		}
		err := realtimetest.Receive(t, done)
		if attempts != want || errors.Is(err, errRefused) != required {
			t.Errorf("required %t: %d attempts, %v", required, attempts, err)
		}
	}
}

func TestAPanicEndsOneRecordOnly(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	defer q.Close()
	kim, done := Participant{"go", "kim"}, make(chan error, 2)
	q.AddRequired(kim, Record{Write: func(context.Context) error { panic("oh") }, Done: result(done)})
	q.AddRequired(kim, Record{Write: func(context.Context) error { return nil }, Done: result(done)})
	if err := realtimetest.Receive(t, done); !errors.Is(err, ErrPanicked) {
		t.Errorf("the first record ended with %v", err)
	}
	check.NoError(t, realtimetest.Receive(t, done))
	if q.Busy(kim) {
		check.NoError(t, q.Flush(t.Context()))
	}
}
