package projections_test

import (
	"testing"

	"github.com/studycall/studycall/projections"
)

// TestARebuildUnderTraffic: writers append and readers read all the time. Whatever was appended meanwhile is in the new
// tables, and verifications find no differences while everything changes.
func TestARebuildUnderTraffic(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	readers := h.read(h.questions("a1"))
	traffic := h.traffic(4)
	traffic.passes()
	for range 2 {
		before := traffic.sessions.Load()
		var during int64
		all := h.hooked(func(a *altered) {
			a.indexing = func() { traffic.passes(); readers.pass(); during = traffic.sessions.Load() - before }
		})
		h.then(h.rebuilder.Rebuild(t.Context(), all...))
		if during < some {
			t.Errorf("%d sessions ended during the rebuild", during)
		}
		var found []projections.Difference
		all = h.hooked(func(a *altered) { a.indexing = func() { traffic.passes() } })
		h.then(h.rebuilder.Verify(t.Context(), func(d projections.Difference) { found = append(found, d) }, all...))
		if len(found) > 0 {
			t.Fatalf("under traffic %d differences, among them %s", len(found), found[0].Key)
		}
	}
	traffic.stop()
	readers.pass()
	readers.stop()
	h.caughtUp()
	h.mustBeTheLog()
	h.mustBeNaive(t, h.column(`select distinct substr(stream_id, 6) from events`))
	h.mustBeTidy()
}

// TestVerifyFindsTheOneDifferenceUnderTraffic, and no other.
func TestVerifyFindsTheOneDifferenceUnderTraffic(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	h.exec(`update user_stats.totals set present_ms = present_ms + 1 where study_id = 'study-1' and user_id = 'kim'`)
	traffic := h.traffic(4)
	traffic.passes()
	for range 3 {
		found := h.verify()
		if d := unlike(found, []string{`user_stats.totals {"study_id":"study-1","user_id":"kim"} "present_ms": 177001, not 177000`}); d != "" {
			t.Fatal(d)
		}
	}
}
