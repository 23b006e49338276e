package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// newClosableServer starts a server that the test closes.
func newClosableServer(t *testing.T) (s server, closeIt func()) {
	t.Helper()
	pool := newPool(t, postgrestest.NewURL(t), "studycall")
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(t.Output(), nil)))
	check.NoError(t, err)
	return server{store, pool}, store.Close
}

// await returns the result of an append, or fails the test if there is none.
func await(t *testing.T, o <-chan outcome) outcome {
	t.Helper()
	select {
	case got := <-o:
		return got
	case <-time.After(patience):
		t.Fatal("an append has no result")
		return outcome{}
	}
}

func TestAppendsAfterCloseAreRefused(t *testing.T) {
	t.Parallel()
	s, closeStore := newClosableServer(t)
	appendEvents(t, s, "call-a", 0, muted("s", "1"))
	closeStore()
	for range 20 {
		got := await(t, appendAsync(s, "call-a", 1, muted("s", "2")))
		wantError(t, got.err, eventstore.ErrClosed)
	}
	wantLog(t, s, "call-a/AudioMuted/1")
}

func TestCloseCompletesTheBatchThatIsBeingCommitted(t *testing.T) {
	t.Parallel()
	s, closeStore := newClosableServer(t)
	release := holdCommits(t, s, "call-first")
	queued := appendAsync(s, "call-queued", 0, muted("s", "queued"))
	check.Eventually(t, "the append is queued", func() bool { return s.Queued() == 1 })
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		closeStore()
	}()
	check.Eventually(t, "the store refuses appends", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := s.Append(ctx, "call-late", 5, []domain.Event{muted("s", "late")})
		return errors.Is(err, eventstore.ErrClosed)
	})
	select {
	case <-closed:
		t.Error("closed while an append was being committed")
	default:
	}
	release() // fails the test if the append that waited for the lock failed
	<-closed
	log := []string{"call-first/AudioMuted/first"}
	if got := await(t, queued); got.err == nil {
		log = append(log, "call-queued/AudioMuted/queued")
	} else {
		wantError(t, got.err, eventstore.ErrClosed)
	}
	wantLog(t, s, log...)
}

// Every append during Close has a result, and the log agrees with it.
func TestAppendsDuringClose(t *testing.T) {
	t.Parallel()
	s, closeStore := newClosableServer(t)
	done := acknowledged{at: map[string]int64{}}
	const writers = 16
	running := make(chan struct{}, writers)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		inParallel(writers, func(w int) {
			for version := int64(0); ; version++ {
				user := fmt.Sprintf("%d-%d", w, version)
				got := <-appendAsync(s, fmt.Sprintf("call-%d", w), version, muted("s", user))
				if got.err != nil {
					wantError(t, got.err, eventstore.ErrClosed)
					return
				}
				done.add(user, got.position)
				if version == 3 {
					running <- struct{}{}
				}
			}
		})
	}()
	for range writers {
		<-running
	}
	closeStore()
	select {
	case <-finished:
	case <-time.After(patience):
		t.Fatal("an append has no result")
	}
	done.check(t, s)
}

func TestCloseEndsTails(t *testing.T) {
	t.Parallel()
	s, closeStore := newClosableServer(t)
	ended := make(chan error, 1)
	tail := s.Tail(0)
	go func() {
		_, err := tail.Next(context.Background())
		ended <- err
	}()
	closeStore()
	wantError(t, <-ended, eventstore.ErrClosed)
	_, err := tail.Next(t.Context())
	wantError(t, err, eventstore.ErrClosed)
}

// On a database without the migrations, Open returns an error and leaves no goroutine (TestMain checks).
func TestOpenFailsWithoutMigrations(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgrestest.Empty(t), "studycall")
	if _, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(t.Output(), nil))); err == nil {
		t.Error("opened the log in an empty database")
	}
}
