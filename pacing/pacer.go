package pacing

import "time"

// Limits are the delays of one kind of batch. They are fixed when the program is written.
type Limits struct {
	// PerItem is the delay that each item of a batch adds before the next batch.
	PerItem time.Duration
	// Longest bounds the delay.
	Longest time.Duration
}

// Pacer remembers the last batch. The zero value has seen none. It is not safe for concurrent use.
type Pacer struct {
	start time.Time
	items int
}

// Began notes that a batch of some items began at start.
func (p *Pacer) Began(start time.Time, items int) { p.start, p.items = start, items }

// Delay is how long the next batch still has to wait at now. It is 0 or negative when the next batch may begin.
func (p *Pacer) Delay(limits Limits, now time.Time) time.Duration {
	return min(time.Duration(p.items)*limits.PerItem, limits.Longest) - now.Sub(p.start)
}
