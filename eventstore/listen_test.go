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

// Each committed append notifies other servers of its last position. A conflict notifies nobody.
func TestAppendsNotifyOtherServers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn, err := s.pool.Acquire(t.Context())
	check.NoError(t, err)
	defer conn.Release()
	execute(t, conn, `listen studycall_log`)
	wantNotification := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if got, err := conn.Conn().WaitForNotification(ctx); err != nil || got.Payload != want {
			t.Fatalf("received %+v, %v, want %s", got, err, want)
		}
	}
	appendEvents(t, s, "call-a", 0, muted("s", "1"))
	wantNotification("1")
	_, conflict := s.Append(t.Context(), "call-a", 0, []domain.Event{muted("s", "x")})
	wantError(t, conflict, eventstore.ErrConflict)
	appendEvents(t, s, "call-a", 1, muted("s", "2"), muted("s", "3"))
	wantNotification("3") // not one of the conflict
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if got, err := conn.Conn().WaitForNotification(ctx); err == nil {
		t.Errorf("received %+v too", got)
	}
}

// logLines sends each log line to a channel.
type logLines chan string

func (l logLines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// The log says when the notifications are lost and when they are back, and nothing about them at the start.
func TestLostNotificationsAreLogged(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgrestest.NewURL(t), "studycall")
	lines := make(logLines, 100)
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(lines, nil)))
	check.NoError(t, err)
	t.Cleanup(store.Close)
	s := server{store, pool}
	var before []int32
	check.Eventually(t, "the server listens", func() bool { before = listeners(t, s); return len(before) == 1 })
	execute(t, pool, `select pg_terminate_backend($1)`, before[0])
	for _, want := range []string{"lost the LISTEN connection", "the LISTEN connection is restored"} {
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
