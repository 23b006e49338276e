package eventstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
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
