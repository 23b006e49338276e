package seed

import (
	"iter"
	"slices"
	"time"
)

const (
	// weeklySessions is how often a study meets in a week, if the past is then no longer than maxWeeks (ten years).
	weeklySessions = 4
	maxWeeks       = 520
	// maxUsual is how many sessions a week fit the usual times with room for random choice. A study with more meets around the clock.
	maxUsual = 6

	shortest = 20 * time.Minute
	longest  = 3 * time.Hour
)

// slot is the time of a session. Slots do not overlap.
type slot struct {
	start  time.Time
	length time.Duration
}

// slots returns the times of a study's sessions, in order, over the weeks that end at until.
func slots(r random, sessions int, until time.Time) iter.Seq[slot] {
	return func(yield func(slot) bool) {
		weeks := min((sessions+weeklySessions-1)/weeklySessions, maxWeeks)
		count := 0
		for week := 1; week <= weeks; week++ {
			target := sessions * week / weeks // sessions by the end of the week, plus or minus one
			if week < weeks {
				target = min(max(target+r.IntN(3)-1, count), sessions)
			}
			first := until.AddDate(0, 0, -7*(weeks-week+1))
			plan := usually
			if sessions > maxUsual*weeks {
				plan = roundTheClock
			}
			for _, s := range plan(r, first, target-count) {
				s.length = min(s.length, until.Sub(s.start)-time.Millisecond)
				if !yield(s) {
					return
				}
			}
			count = target
		}
	}
}

// usualTime is a part of a day in which a study may meet once. The longest session ends before the next part begins.
type usualTime struct {
	from   time.Time
	spread time.Duration // the start is up to twice the spread later, most likely in the middle
	weight int           // relative frequency
}

func usualTimes(first time.Time) []usualTime {
	result := make([]usualTime, 0, 9)
	for i := range 7 {
		year, month, day := first.AddDate(0, 0, i).Date()
		at := func(hour, minute int) time.Time {
			return time.Date(year, month, day, hour, minute, 0, 0, first.Location())
		}
		evening := usualTime{at(18, 30), 2 * time.Hour, 12}
		if weekday := evening.from.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
			result = append(result, usualTime{at(10, 0), 150 * time.Minute, 5})
			evening.weight = 3
		}
		result = append(result, evening)
	}
	return result
}

// usually returns n slots of one week at different usual times, in proportion to their weights.
func usually(r random, first time.Time, n int) []slot {
	times, total := usualTimes(first), 0
	for _, t := range times {
		total += t.weight
	}
	result := make([]slot, 0, n)
	for range n {
		i, draw := 0, r.IntN(total)
		for ; draw >= times[i].weight; i++ {
			draw -= times[i].weight
		}
		t := times[i]
		total -= t.weight
		times = slices.Delete(times, i, i+1)
		start := t.from.Add(r.between(0, t.spread) + r.between(0, t.spread))
		result = append(result, slot{start, length(r)})
	}
	slices.SortFunc(result, func(a, b slot) int { return a.start.Compare(b.start) })
	return result
}

// roundTheClock returns n slots spread over a whole week, shortened to fit.
func roundTheClock(r random, first time.Time, n int) []slot {
	each := first.AddDate(0, 0, 7).Sub(first) / time.Duration(n)
	result := make([]slot, 0, n)
	for i := range n {
		start := first.Add(time.Duration(i)*each + r.between(0, each/10)).Truncate(time.Millisecond)
		result = append(result, slot{start, min(length(r), each*8/10).Truncate(time.Millisecond)})
	}
	return result
}

// length returns the length of a session, most likely in the middle of the range.
func length(r random) time.Duration {
	half := (longest - shortest) / 2
	return shortest + r.between(0, half) + r.between(0, half)
}
