package realtime

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A record by itself leaves at once; those that come while it is too early for the next departure leave with it, the later
// the more left before.
func TestDepartures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d departures
		began := time.Now()
		wait := func(n int) (left time.Duration) {
			done := make(chan time.Duration)
			for range n {
				go func() {
					d.wait(t.Context())
					done <- time.Since(began)
				}()
			}
			for range n {
				at := <-done
				if left != 0 && at != left {
					t.Errorf("of %d some left at %v, some at %v", n, left, at)
				}
				left = at
			}
			return left
		}
		for _, c := range []struct {
			records int
			after   time.Duration // the departure before
		}{
			{1, 0}, {4, pausePerRecord}, {100, 4 * pausePerRecord}, {1, longestPause}, {1, pausePerRecord},
		} {
			before := time.Since(began)
			if left := wait(c.records); left-before != c.after {
				t.Errorf("%d records left %v after the ones before, want %v", c.records, left-before, c.after)
			}
		}
		<-time.After(longestPause)
		before := time.Since(began)
		if left := wait(1); left != before {
			t.Errorf("after a pause, a record waited for %v", left-before)
		}
	})
}

func TestNobodyWaitsForADepartureAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := departures{last: time.Now(), left: 100}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if d.wait(ctx); time.Since(began) != 0 {
			t.Errorf("waited for %v", time.Since(began))
		}
		<-time.After(longestPause) // nobody is left behind
	})
}
