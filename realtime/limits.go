package realtime

import "time"

// Rate is how much may come in: so much a second in the long run, and Burst at once. A Rate with nothing per second is
// no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Rates are what one socket may send.
type Rates struct {
	Messages, Bytes, Joins Rate
	// Patience is how many messages over a limit are dropped before the socket is closed.
	Patience int
}

// DefaultRates let the start of any call pass: joining one of 12, a client sends some 400 candidates at once.
func DefaultRates() Rates {
	return Rates{
		Messages: Rate{PerSecond: 200, Burst: 1000},
		Bytes:    Rate{PerSecond: 1 << 20, Burst: 8 << 20},
		Joins:    Rate{PerSecond: 1, Burst: 20},
		Patience: 100,
	}
}

// verdict is what becomes of a message.
type verdict int

const (
	pass verdict = iota
	tell         // drop it, and tell the client so
	drop
	hangUp
)

// limits count one connection's messages. It is not safe for concurrent use.
type limits struct {
	messages, bytes, joins bucket
	patience, over         int
}

func newLimits(rates Rates) *limits {
	return &limits{
		messages: newBucket(rates.Messages), bytes: newBucket(rates.Bytes), joins: newBucket(rates.Joins),
		patience: rates.Patience,
	}
}

// take counts a message of some bytes. A client that keeps to the limits for a burst's time is forgiven.
func (l *limits) take(now time.Time, bytes int, join bool) verdict {
	ok := l.messages.take(now, 1)
	ok = l.bytes.take(now, bytes) && ok
	if join {
		ok = l.joins.take(now, 1) && ok
	}
	switch {
	case ok:
		if l.over > 0 && l.messages.full(now) {
			l.over = 0
		}
		return pass
	case l.over == 0:
		l.over++
		return tell
	case l.over < l.patience:
		l.over++
		return drop
	default:
		return hangUp
	}
}

// bucket is a token bucket. All that there is to know of it is when it will be full again.
type bucket struct {
	interval, capacity time.Duration // in which one token comes in, and in which an empty bucket fills; 0: no limit
	fullAt             time.Time
}

func newBucket(rate Rate) bucket {
	if rate.PerSecond <= 0 {
		return bucket{}
	}
	interval := float64(time.Second) / rate.PerSecond
	return bucket{interval: time.Duration(interval), capacity: time.Duration(interval * float64(max(rate.Burst, 1)))}
}

// take takes tokens out, if there are enough.
func (b *bucket) take(now time.Time, tokens int) bool {
	if b.capacity == 0 {
		return true
	}
	fullAt := b.fullAt
	if fullAt.Before(now) {
		fullAt = now
	}
	fullAt = fullAt.Add(b.interval * time.Duration(tokens))
	if fullAt.Sub(now) > b.capacity {
		return false
	}
	b.fullAt = fullAt
	return true
}

// full reports whether nothing is missing, but for what was just taken.
func (b *bucket) full(now time.Time) bool { return b.fullAt.Sub(now) <= b.interval }
