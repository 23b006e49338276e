package eventstore_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// Other servers hear of each append as it is committed, by its last position, and of nothing else.
func TestAppendsAreNotified(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn, err := s.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	execute(t, conn, `listen studycall_log`)
	hears := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if got, err := conn.Conn().WaitForNotification(ctx); err != nil || got.Payload != want {
			t.Fatalf("heard %+v, %v, want %s", got, err, want)
		}
	}
	mustAppend(t, s, "call-a", 0, muted("s", "1"))
	hears("1")
	_, conflict := s.Append(t.Context(), "call-a", 0, []domain.Event{muted("s", "x")})
	fails(t, conflict, eventstore.ErrConflict)
	mustAppend(t, s, "call-a", 1, muted("s", "2"), muted("s", "3"))
	hears("3") // and not of the conflict
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if got, err := conn.Conn().WaitForNotification(ctx); err == nil {
		t.Errorf("heard %+v too", got)
	}
}

// heard passes on each log line.
type heard chan string

func (h heard) Write(line []byte) (int, error) {
	h <- string(line)
	return len(line), nil
}

// Whoever read that the notifications were lost reads that they are back, and at the first start nothing of it.
func TestNotificationsThatAreBackAreLogged(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgrestest.NewURL(t), "studycall")
	lines := make(heard, 100)
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	s := server{store, pool}
	var before []int32
	check.Eventually(t, "the server listens", func() bool { before = listeners(t, s); return len(before) == 1 })
	execute(t, pool, `select pg_terminate_backend($1)`, before[0])
	for _, want := range []string{"lost the notifications", "the notifications of the log are back"} {
		select {
		case line := <-lines:
			if !strings.Contains(line, want) {
				t.Errorf("the log says %q, want %q", line, want)
			}
		case <-time.After(patience):
			t.Fatalf("the log does not say %q", want)
		}
	}
}
