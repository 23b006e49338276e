package eventstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// foreignAppend appends one event by a transaction that is not the store's.
const foreignAppend = `select append_events(array[$1], array[$2::bigint], array[1], array['s'], array['AudioMuted'],
	array[1::smallint], array['{"userId":"foreign"}'], array[now()])`

func TestARollbackLeavesNoHole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	mustAppend(t, s, "call-a", 0, muted("s", "1"))
	tx := begin(t, s.pool, pgx.TxOptions{})
	execute(t, tx, foreignAppend, "call-b", 0)
	execute(t, tx, foreignAppend, "call-a", 1)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := mustAppend(t, s, "call-a", 1, muted("s", "2")); got != 2 {
		t.Errorf("the next event is at position %d, want 2", got)
	}
	holds(t, s, "call-a/AudioMuted/1", "call-a/AudioMuted/2")
}

// Whoever has appended and not yet committed keeps the others waiting. Otherwise a reader would see the later position
// first, and never the earlier one.
func TestALateCommitIsNeverSkipped(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	mustAppend(t, s, "call-a", 0, muted("s", "1"))
	tail := s.Tail(1)
	tx := begin(t, s.pool, pgx.TxOptions{})
	execute(t, tx, foreignAppend, "call-b", 0)
	later := appending(s, "call-c", 0, muted("s", "3"))
	waitForLocks(t, s.pool, 1)
	holds(t, s, "call-a/AudioMuted/1")
	select {
	case got := <-later:
		t.Fatalf("the append did not wait: %+v", got)
	default:
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-later; got.err != nil || got.position != 3 {
		t.Errorf("got %+v, want position 3", got)
	}
	followed(t, tail, 2, 3)
	holds(t, s, "call-a/AudioMuted/1", "call-b/AudioMuted/foreign", "call-c/AudioMuted/3")
}

// A transaction that stays open elsewhere in the database, with a snapshot and an id of its own, stalls nobody.
func TestAnOldSnapshotStallsNobody(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	mustAppend(t, s, "call-a", 0, muted("s", "1"))
	old := begin(t, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	var id, seen int64
	err := old.QueryRow(t.Context(), `select pg_current_xact_id()::text::bigint, count(*) from events`).Scan(&id, &seen)
	if err != nil {
		t.Fatal(err)
	}
	seenBy := seenTable(t, s)
	stop := follow(t, s, "old", seenBy.apply)
	defer stop()
	tail := s.Tail(0)
	mustAppend(t, s, "call-a", 1, muted("s", "2"))
	followed(t, tail, 1, 2)
	handled(t, s, "old", 2)
	if err := old.QueryRow(t.Context(), `select count(*) from events`).Scan(&seen); err != nil || seen != 1 {
		t.Errorf("the old snapshot sees %d events, %v: it was not old", seen, err)
	}
}

// The log's own lock is not its readers'.
func TestReadersDoNotWaitForAppends(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	mustAppend(t, s, "call-a", 0, started("s", "kim"))
	release := holdCommits(t, s, "call-b")
	followed(t, s.Tail(0), 1, 1)
	if events, err := s.Load(t.Context(), "call-a"); err != nil || len(events) != 1 {
		t.Errorf("loaded %d events, %v", len(events), err)
	}
	if head, err := s.Head(t.Context()); err != nil || head != 1 {
		t.Errorf("the head is %d, %v", head, err)
	}
	release()
}
