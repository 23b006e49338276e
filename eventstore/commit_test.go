package eventstore_test

import (
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
)

// What fails only at the commit stops the projection as what fails before: right before the event, visibly, and with a pause
// that grows before each try; and once it is put right, it goes on by itself.
func TestAFailingCommitStopsItsProjection(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const n, bad = 40, 17
	table := seenTable(t, s)
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
	check.Eventually(t, "it was tried again and again", func() bool { return refusals() >= before+2 })
	position, failure := checkpoint(t, s, "seen")
	if position != bad-1 || !strings.Contains(failure, "boom") {
		t.Errorf("at position %d with the error %q, want %d and boom", position, failure, bad-1)
	}
	table.equalsLog(t, s, bad-1)
	execute(t, s.pool, `drop trigger late on seen`)
	handled(t, s, "seen", n)
	table.equalsLog(t, s, n)
	// Some to find the event, and then each after a longer pause: without one there would be thousands.
	if tries := refusals(); tries > 30 {
		t.Errorf("it was tried %d times", tries)
	}
	if _, failure := checkpoint(t, s, "seen"); failure != "" {
		t.Errorf("the error %q is still there", failure)
	}
}
