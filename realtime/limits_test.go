package realtime

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/pacing"
)

// The limiter admits what a naive count of tokens admits: at most burst at once, and rate after that.
func TestALimiterIsATokenBucket(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := pacing.Rate{PerSecond: float64(rapid.IntRange(1, 100).Draw(t, "rate")), Burst: rapid.IntRange(1, 50).Draw(t, "burst")}
		limiter, now, tokens := rate.Limiter(), time.Unix(1000, 0), float64(rate.Burst)
		for range rapid.IntRange(1, 100).Draw(t, "messages") {
			pause := time.Duration(rapid.IntRange(0, 300).Draw(t, "pause")) * time.Millisecond
			now = now.Add(pause)
			tokens = min(float64(rate.Burst), tokens+pause.Seconds()*rate.PerSecond)
			took := limiter.AllowN(now, 1)
			// A token that is complete at this very moment may count or not.
			if took && tokens < 1-1e-6 || !took && tokens > 1+1e-6 {
				t.Fatalf("took %t with %v tokens", took, tokens)
			}
			if took {
				tokens--
			}
		}
	})
}

func TestLimitsRefuseOnceThenDropThenHangUp(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := newLimits(Rates{Messages: pacing.Rate{PerSecond: 1, Burst: 2}, MaxExcess: 3})
	got := make([]verdict, 0, 8)
	for range 7 {
		got = append(got, l.take(now, 10, true))
	}
	if want := []verdict{admit, admit, refuse, drop, drop, hangUp, hangUp}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	l = newLimits(Rates{Messages: pacing.Rate{PerSecond: 1, Burst: 2}, MaxExcess: 3})
	for range 4 {
		l.take(now, 10, false)
	}
	now = now.Add(time.Minute) // the bucket is full again
	if got := []verdict{l.take(now, 10, false), l.take(now, 10, false), l.take(now, 10, false)}; fmt.Sprint(got) != fmt.Sprint([]verdict{admit, admit, refuse}) {
		t.Errorf("after a minute: %v", got)
	}
}
