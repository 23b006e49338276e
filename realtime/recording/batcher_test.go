package recording

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A single record is not delayed. The records that arrive before the next batch may start join it, and the delay grows with the
// size of the batch before.
func TestTheDelayGrowsWithTheBatchBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b batcher
		limits, began := batchLimits(), time.Now()
		wait := func(n int) (start time.Duration) {
			starts := make(chan time.Duration)
			for range n {
				go func() {
					b.wait(t.Context())
					starts <- time.Since(began)
				}()
			}
			for range n {
				at := <-starts
				if start != 0 && at != start {
					t.Errorf("of a batch of %d some started at %v, some at %v", n, start, at)
				}
				start = at
			}
			return start
		}
		for _, c := range []struct {
			records int
			delay   time.Duration // since the batch before
		}{
			{1, 0}, {4, limits.PerItem}, {100, 4 * limits.PerItem}, {1, limits.Longest}, {1, limits.PerItem},
		} {
			before := time.Since(began)
			if start := wait(c.records); start-before != c.delay {
				t.Errorf("a batch of %d started %v after the one before, want %v", c.records, start-before, c.delay)
			}
		}
		<-time.After(limits.Longest)
		before := time.Since(began)
		if start := wait(1); start != before {
			t.Errorf("after a pause, a record waited for %v", start-before)
		}
	})
}

func TestTheEndOfTheContextEndsTheDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b batcher
		b.pacer.Began(time.Now(), 100)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		b.wait(ctx)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited for %v", waited)
		}
		<-time.After(batchLimits().Longest) // the batch starts without a record
	})
}
