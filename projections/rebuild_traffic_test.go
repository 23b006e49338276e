package projections_test

import (
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/projections"
)

// TestRebuildUnderTraffic: writers append and readers read all the time. The new tables hold the events that were appended
// meanwhile, and verifications find no differences.
func TestRebuildUnderTraffic(t *testing.T) {
	t.Parallel()
	skipIfShort(t, "rebuilds and verifies under load")
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	readers := srv.read(srv.questions("a1"))
	traffic := srv.traffic(4)
	traffic.waitForMore()
	for range 2 {
		before := traffic.sessions.Load()
		var during int64
		all := srv.withHook(func(a *overridden) {
			a.indexing = func() { traffic.waitForMore(); readers.waitForReads(); during = traffic.sessions.Load() - before }
		})
		check.NoError(srv.t, srv.rebuilder.Rebuild(t.Context(), all...))
		if during < enoughSessions {
			t.Errorf("%d sessions ended during the rebuild", during)
		}
		var found []projections.Difference
		all = srv.withHook(func(a *overridden) { a.indexing = func() { traffic.waitForMore() } })
		check.NoError(srv.t, srv.rebuilder.Verify(t.Context(), func(d projections.Difference) { found = append(found, d) }, all...))
		if len(found) > 0 {
			t.Fatalf("under traffic %d differences, among them %s", len(found), found[0].Key)
		}
	}
	traffic.stop()
	readers.waitForReads()
	readers.stop()
	srv.waitUntilCaughtUp()
	srv.mustVerify()
	srv.mustMatchNaive(t, srv.column(`select distinct substr(stream_id, 6) from events`))
	srv.mustHaveNoLeftovers()
}

// TestVerifyFindsTheOneDifferenceUnderTraffic and no other.
func TestVerifyFindsTheOneDifferenceUnderTraffic(t *testing.T) {
	t.Parallel()
	skipIfShort(t, "verifies under load")
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	srv.exec(`update user_stats.totals set present_ms = present_ms + 1 where study_id = 'study-1' and user_id = 'kim'`)
	traffic := srv.traffic(4)
	traffic.waitForMore()
	for range 3 {
		found := srv.verify()
		if d := lineDiff(found, []string{`user_stats.totals {"study_id":"study-1","user_id":"kim"} "present_ms": 177001, not 177000`}); d != "" {
			t.Fatal(d)
		}
	}
}
