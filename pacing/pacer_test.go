package pacing_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/pacing"
)

func TestDelayGrowsWithTheLastBatch(t *testing.T) {
	t.Parallel()
	limits := pacing.Limits{PerItem: time.Millisecond, Longest: 5 * time.Millisecond}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		items int
		since time.Duration
		want  time.Duration
	}{
		"an empty batch delays nothing":         {items: 0, since: 0, want: 0},
		"each item adds its delay":              {items: 3, since: 0, want: 3 * time.Millisecond},
		"the delay is bounded":                  {items: 1000, since: 0, want: 5 * time.Millisecond},
		"the delay counts from the batch start": {items: 3, since: 2 * time.Millisecond, want: time.Millisecond},
		"the delay has passed":                  {items: 3, since: 4 * time.Millisecond, want: -time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var pacer pacing.Pacer
			pacer.Began(start, c.items)
			if got := pacer.Delay(limits, start.Add(c.since)); got != c.want {
				t.Errorf("the delay is %s, want %s", got, c.want)
			}
		})
	}
}

func TestTheFirstBatchIsNotDelayed(t *testing.T) {
	t.Parallel()
	var pacer pacing.Pacer
	if delay := pacer.Delay(pacing.Limits{PerItem: time.Hour, Longest: time.Hour}, time.Now()); delay > 0 {
		t.Errorf("the first batch waits %s", delay)
	}
}
