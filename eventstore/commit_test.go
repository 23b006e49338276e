package eventstore_test

import (
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
)

// A commit that fails stops the projection as a failing handler does: before the event, with a recorded error, and with a
// growing delay before each retry. Once the cause is removed, the projection continues by itself.
func TestAFailingCommitStopsTheProjection(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const n, bad = 40, 17
	table := newFoldTable(t, s)
	execute(t, s.pool, `
		create sequence refusals;
		create function refuse() returns trigger language plpgsql as $$
			begin perform nextval('refusals'); raise exception 'boom'; end $$;
		create constraint trigger late after insert on seen deferrable initially deferred
			for each row when (new.position = 17) execute function refuse()`)
	fill(t, s, "call-a", n)
	stop := follow(t, s, "seen", table.apply)
	defer stop()

	refusals := func() int64 {
		return query[int64](t, s.pool, `select case when is_called then last_value else 0 end from refusals`)[0]
	}
	check.Eventually(t, "the error is recorded", func() bool {
		_, failure := checkpoint(t, s, "seen")
		return strings.Contains(failure, "boom")
	})
	before := refusals()
	check.Eventually(t, "the event is retried", func() bool { return refusals() >= before+2 })
	position, failure := checkpoint(t, s, "seen")
	if position != bad-1 || !strings.Contains(failure, "boom") {
		t.Errorf("stopped at position %d with the error %q, want %d and boom", position, failure, bad-1)
	}
	table.equalsLog(t, bad-1)
	execute(t, s.pool, `drop trigger late on seen`)
	waitForCheckpoint(t, s, "seen", n)
	table.equalsLog(t, n)
	// A few tries find the event, and the delay doubles after each. Without a delay there would be thousands.
	if tries := refusals(); tries > 30 {
		t.Errorf("tried %d times, want at most 30", tries)
	}
	if _, failure := checkpoint(t, s, "seen"); failure != "" {
		t.Errorf("the error %q is still recorded", failure)
	}
}
