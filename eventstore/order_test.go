package eventstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// foreignAppend appends one event without the store.
const foreignAppend = `select append_events(array[$1], array[$2::bigint], array[1], array['s'], array['AudioMuted'],
	array[1::smallint], array['{"userId":"foreign"}'], array[now()])`

func TestARollbackLeavesNoHole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	appendEvents(t, s, "call-a", 0, muted("s", "1"))
	tx := begin(t, s.pool, pgx.TxOptions{})
	execute(t, tx, foreignAppend, "call-b", 0)
	execute(t, tx, foreignAppend, "call-a", 1)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := appendEvents(t, s, "call-a", 1, muted("s", "2")); got != 2 {
		t.Errorf("the next event is at position %d, want 2", got)
	}
	wantLog(t, s, "call-a/AudioMuted/1", "call-a/AudioMuted/2")
}

// An append that is not committed makes others wait. Otherwise a reader would see the later position first and skip the
// earlier one.
func TestALateCommitIsNeverSkipped(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	appendEvents(t, s, "call-a", 0, muted("s", "1"))
	tail := s.Tail(1)
	tx := begin(t, s.pool, pgx.TxOptions{})
	execute(t, tx, foreignAppend, "call-b", 0)
	later := appendAsync(s, "call-c", 0, muted("s", "3"))
	waitForLockWaiters(t, s.pool, 1)
	wantLog(t, s, "call-a/AudioMuted/1")
	select {
	case got := <-later:
		t.Fatalf("the append did not wait for the commit: %+v", got)
	default:
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-later; got.err != nil || got.position != 3 {
		t.Errorf("got %+v, want position 3", got)
	}
	wantNext(t, tail, 2, 3)
	wantLog(t, s, "call-a/AudioMuted/1", "call-b/AudioMuted/foreign", "call-c/AudioMuted/3")
}

// An open transaction of another client, with a snapshot and a transaction id, delays neither appends nor readers.
func TestAnOldSnapshotDelaysNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	appendEvents(t, s, "call-a", 0, muted("s", "1"))
	old := begin(t, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	var id, seen int64
	err := old.QueryRow(t.Context(), `select pg_current_xact_id()::text::bigint, count(*) from events`).Scan(&id, &seen)
	if err != nil {
		t.Fatal(err)
	}
	table := newFoldTable(t, s)
	stop := follow(t, s, "old", table.apply)
	defer stop()
	tail := s.Tail(0)
	appendEvents(t, s, "call-a", 1, muted("s", "2"))
	wantNext(t, tail, 1, 2)
	waitForCheckpoint(t, s, "old", 2)
	if err := old.QueryRow(t.Context(), `select count(*) from events`).Scan(&seen); err != nil || seen != 1 {
		t.Errorf("the old snapshot sees %d events, %v, want 1", seen, err)
	}
}

func TestReadersDoNotWaitForAppends(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	appendEvents(t, s, "call-a", 0, started("s", "kim"))
	release := holdCommits(t, s, "call-b")
	wantNext(t, s.Tail(0), 1, 1)
	if events, err := s.Load(t.Context(), "call-a"); err != nil || len(events) != 1 {
		t.Errorf("loaded %d events, %v", len(events), err)
	}
	if head, err := s.Head(t.Context()); err != nil || head != 1 {
		t.Errorf("the head is %d, %v", head, err)
	}
	release()
}
