package seed

import (
	"iter"
	"slices"
	"time"
)

const (
	// pace is how often a study meets in a week, as long as that makes for no more than maxWeeks: ten years.
	pace     = 4
	maxWeeks = 520
	// busiest is how many meetings a week leave room for chance among the usual times. A study that met more often met
	// around the clock.
	busiest = 6

	shortest = 20 * time.Minute
	longest  = 3 * time.Hour
)

// slot is when a session is: the next one begins after it has ended.
type slot struct {
	start  time.Time
	length time.Duration
}

// slots are when a study meets, in order: so many times, over the weeks that end at midnight, until.
func slots(c chance, sessions int, until time.Time) iter.Seq[slot] {
	return func(yield func(slot) bool) {
		weeks := min((sessions+pace-1)/pace, maxWeeks)
		held := 0
		for week := 1; week <= weeks; week++ {
			by := sessions * week / weeks // how many were held by the end of the week, give or take one
			if week < weeks {
				by = min(max(by+c.IntN(3)-1, held), sessions)
			}
			first := until.AddDate(0, 0, -7*(weeks-week+1))
			meetings := usually
			if sessions > busiest*weeks {
				meetings = roundTheClock
			}
			for _, s := range meetings(c, first, by-held) {
				s.length = min(s.length, until.Sub(s.start)-time.Millisecond)
				if !yield(s) {
					return
				}
			}
			held = by
		}
	}
}

// usualTime is a part of a day in which a study may meet once: the longest session is over before the next part begins.
type usualTime struct {
	from   time.Time
	spread time.Duration // the start is up to twice as much later, most likely in the middle
	weight int           // how popular it is
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

// usually are n sessions of one week at different usual times, the popular ones more often.
func usually(c chance, first time.Time, n int) []slot {
	times, total := usualTimes(first), 0
	for _, t := range times {
		total += t.weight
	}
	result := make([]slot, 0, n)
	for range n {
		i, draw := 0, c.IntN(total)
		for ; draw >= times[i].weight; i++ {
			draw -= times[i].weight
		}
		t := times[i]
		total -= t.weight
		times = slices.Delete(times, i, i+1)
		start := t.from.Add(c.between(0, t.spread) + c.between(0, t.spread))
		result = append(result, slot{start, length(c)})
	}
	slices.SortFunc(result, func(a, b slot) int { return a.start.Compare(b.start) })
	return result
}

// roundTheClock are n sessions spread over all of one week, as short as that makes them.
func roundTheClock(c chance, first time.Time, n int) []slot {
	each := first.AddDate(0, 0, 7).Sub(first) / time.Duration(n)
	result := make([]slot, 0, n)
	for i := range n {
		start := first.Add(time.Duration(i)*each + c.between(0, each/10)).Truncate(time.Millisecond)
		result = append(result, slot{start, min(length(c), each*8/10).Truncate(time.Millisecond)})
	}
	return result
}

// length is how long a session is, most likely something in the middle.
func length(c chance) time.Duration {
	half := (longest - shortest) / 2
	return shortest + c.between(0, half) + c.between(0, half)
}
