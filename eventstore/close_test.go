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

func openAndClose(t *testing.T) (s server, closeIt func()) {
	t.Helper()
	pool := newPool(t, postgrestest.NewURL(t), "studycall")
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return server{store, pool}, store.Close
}

// answered fails the test where an append is never answered: its caller would hang.
func answered(t *testing.T, o <-chan outcome) outcome {
	t.Helper()
	select {
	case got := <-o:
		return got
	case <-time.After(patience):
		t.Fatal("an append was never answered")
		return outcome{}
	}
}

func TestAfterCloseAppendsAreRefused(t *testing.T) {
	t.Parallel()
	s, closeIt := openAndClose(t)
	mustAppend(t, s, "call-a", 0, muted("s", "1"))
	closeIt()
	for range 20 {
		got := answered(t, appending(s, "call-a", 1, muted("s", "2")))
		fails(t, got.err, eventstore.ErrClosed)
	}
	holds(t, s, "call-a/AudioMuted/1")
}

func TestCloseFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s, closeIt := openAndClose(t)
	release := holdCommits(t, s, "call-first")
	queued := appending(s, "call-queued", 0, muted("s", "queued"))
	check.Eventually(t, "the append is queued", func() bool { return s.Queued() == 1 })
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		closeIt()
	}()
	check.Eventually(t, "the store refuses appends", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := s.Append(ctx, "call-late", 5, []domain.Event{muted("s", "late")})
		return errors.Is(err, eventstore.ErrClosed)
	})
	select {
	case <-closed:
		t.Error("closed with an append under way")
	default:
	}
	release() // fails the test if the append that was under way failed
	<-closed
	log := []string{"call-first/AudioMuted/first"}
	if got := answered(t, queued); got.err == nil {
		log = append(log, "call-queued/AudioMuted/queued")
	} else {
		fails(t, got.err, eventstore.ErrClosed)
	}
	holds(t, s, log...)
}

// Whoever appends while the store closes gets an answer, and the answer is true.
func TestAppendsWhileClosing(t *testing.T) {
	t.Parallel()
	s, closeIt := openAndClose(t)
	done := acknowledged{at: map[string]int64{}}
	const writers = 16
	running := make(chan struct{}, writers)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		inParallel(writers, func(w int) {
			for version := int64(0); ; version++ {
				user := fmt.Sprintf("%d-%d", w, version)
				got := <-appending(s, fmt.Sprintf("call-%d", w), version, muted("s", user))
				if got.err != nil {
					fails(t, got.err, eventstore.ErrClosed)
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
	closeIt()
	select {
	case <-finished:
	case <-time.After(patience):
		t.Fatal("an append was never answered")
	}
	done.check(t, s)
}

func TestCloseEndsTails(t *testing.T) {
	t.Parallel()
	s, closeIt := openAndClose(t)
	ended := make(chan error, 1)
	tail := s.Tail(0)
	go func() {
		_, err := tail.Next(context.Background())
		ended <- err
	}()
	closeIt()
	fails(t, <-ended, eventstore.ErrClosed)
	_, err := tail.Next(t.Context())
	fails(t, err, eventstore.ErrClosed)
}

// Open without a migrated database says so, and leaves nothing running (TestMain looks).
func TestOpenNeedsTheLog(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgrestest.Empty(t), "studycall")
	if _, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(t.Output(), nil))); err == nil {
		t.Error("opened the log in an empty database")
	}
}
