package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// want is the result that an append of a batch must have.
type want struct {
	position int64  // 0: it fails
	err      error  // if it fails with this error
	sqlState string // if it fails with an error of the database
}

func (w want) check(t *testing.T, name string, got outcome) {
	t.Helper()
	var refused *pgconn.PgError
	switch {
	case w.position > 0 && (got.err != nil || got.position != w.position):
		t.Errorf("%s: got %+v, want position %d", name, got, w.position)
	case w.err != nil && !errors.Is(got.err, w.err):
		t.Errorf("%s: got error %v, want %v", name, got.err, w.err)
	case w.sqlState != "" && (!errors.As(got.err, &refused) || refused.Code != w.sqlState):
		t.Errorf("%s: got error %v, want SQLSTATE %s", name, got.err, w.sqlState)
	case w.sqlState != "" && (errors.Is(got.err, eventstore.ErrConflict) || errors.Is(got.err, eventstore.ErrUnavailable)):
		t.Errorf("%s: got error %v, want only SQLSTATE %s", name, got.err, w.sqlState)
	}
}

func TestEachAppendOfABatchHasItsOwnResult(t *testing.T) {
	t.Parallel()
	type command struct {
		name     string
		stream   string
		expected int64
		events   []domain.Event
		want     want
	}
	conflict := want{err: eventstore.ErrConflict}
	// Postgres texts cannot hold a NUL, so this row always fails.
	nul, badRow := muted("s\x00", "x"), want{sqlState: "22021"}
	one := func(user string) []domain.Event { return []domain.Event{muted("s", user)} }
	for name, batch := range map[string][]command{
		"a conflict in the middle": {
			{"before", "call-a", 0, one("a"), want{position: 3}},
			{"conflict", "call-old", 7, []domain.Event{muted("s", "x"), muted("s", "y")}, conflict},
			{"after", "call-b", 0, []domain.Event{muted("s", "b"), muted("s", "c")}, want{position: 5}},
		},
		"conflicts only": {
			{"one", "call-old", 0, one("x"), conflict},
			{"another", "call-none", 1, one("x"), conflict},
		},
		"a bad row in the middle": {
			{"before", "call-a", 0, one("a"), want{position: 3}},
			{"bad", "call-bad", 0, []domain.Event{muted("s", "x"), nul}, badRow},
			{"conflict", "call-none", 1, one("x"), conflict},
			{"after", "call-old", 1, one("b"), want{position: 4}},
			{"last", "call-c", 0, one("c"), want{position: 5}},
		},
		"bad rows only": {
			{"one", "call-a", 0, []domain.Event{nul}, badRow},
			{"another", "call-b", 0, []domain.Event{nul}, badRow},
		},
		"appends to one stream, in order": {
			{"first", "call-a", 0, one("a"), want{position: 3}},
			{"neighbour", "call-b", 0, one("b"), want{position: 4}},
			{"second", "call-a", 1, one("c"), want{position: 5}},
			{"third", "call-a", 2, one("d"), want{position: 6}},
		},
		"appends to one stream, at the same version": {
			{"first", "call-a", 0, one("a"), want{position: 3}},
			{"second", "call-a", 0, one("x"), conflict},
			{"third", "call-a", 0, one("y"), conflict},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			appendEvents(t, s, "call-old", 0, muted("s", "old"))
			release := holdCommits(t, s, "call-first")
			outcomes := make([]<-chan outcome, len(batch))
			for i, c := range batch {
				outcomes[i] = appendAsync(s, c.stream, c.expected, c.events...)
				check.Eventually(t, "the append is queued", func() bool { return s.Queued() == i+1 })
			}
			release()
			log := []string{"call-old/AudioMuted/old", "call-first/AudioMuted/first"}
			for i, c := range batch {
				c.want.check(t, c.name, <-outcomes[i])
				for _, e := range c.events {
					if c.want.position > 0 {
						log = append(log, c.stream+"/AudioMuted/"+e.(domain.AudioMuted).UserID)
					}
				}
			}
			wantLog(t, s, log...)
		})
	}
}

// More appends are queued than a batch holds. Every third one conflicts.
func TestMoreAppendsThanOneBatchHolds(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	release := holdCommits(t, s, "call-first")
	const n = 900
	outcomes := make([]<-chan outcome, n)
	for i := range outcomes {
		expected := int64(0)
		if i%3 == 0 {
			expected = 5
		}
		outcomes[i] = appendAsync(s, fmt.Sprintf("call-%d", i), expected, muted("s", "x"))
	}
	check.Eventually(t, "all appends are queued", func() bool { return s.Queued() == n })
	release()
	positions := map[int64]int{}
	for i, o := range outcomes {
		got := <-o
		switch {
		case i%3 == 0:
			wantError(t, got.err, eventstore.ErrConflict)
		case got.err != nil:
			t.Fatalf("append %d: %v", i, got.err)
		default:
			positions[got.position]++
		}
	}
	if log := wholeLog(t, s); len(log) != 1+n*2/3 || len(positions) != n*2/3 {
		t.Errorf("%d events at %d positions, want %d", len(log), len(positions), 1+n*2/3)
	}
}

// A caller whose context ends gets its error at once, and the other appends of the batch are not affected.
func TestACancelledAppendAffectsNoOther(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	release := holdCommits(t, s, "call-first")
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan error)
	go func() {
		_, err := s.Append(ctx, "call-cancelled", 0, []domain.Event{muted("s", "cancelled")})
		cancelled <- err
	}()
	check.Eventually(t, "the append is queued", func() bool { return s.Queued() == 1 })
	stays := appendAsync(s, "call-stays", 0, muted("s", "stays"))
	check.Eventually(t, "the other append is queued", func() bool { return s.Queued() == 2 })
	cancel()
	wantError(t, <-cancelled, context.Canceled) // before the commits are released
	release()
	if got := <-stays; got.err != nil {
		t.Errorf("the other append failed: %v", got.err)
	}
	// The cancelled append may or may not have been committed. Appending again is safe in both cases.
	if _, err := s.Append(t.Context(), "call-cancelled", 0, []domain.Event{muted("s", "cancelled")}); err != nil {
		wantError(t, err, eventstore.ErrConflict)
	}
	count := 0
	for _, r := range wholeLog(t, s) {
		if r.Stream == "call-cancelled" {
			count++
		}
	}
	if count != 1 {
		t.Errorf("appended %d times, want once", count)
	}
}
