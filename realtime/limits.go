package realtime

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/studycall/studycall/pacing"
)

// Rates are what one socket may send.
type Rates struct {
	Messages, Bytes, Joins pacing.Rate
	// MaxExcess is how many messages in excess of a limit are refused before the socket is closed.
	MaxExcess int
}

// DefaultRates admit the start of any call: a client that joins a call of 12 sends some 400 candidates at once.
func DefaultRates() Rates {
	return Rates{
		Messages:  pacing.Rate{PerSecond: 200, Burst: 1000},
		Bytes:     pacing.Rate{PerSecond: 1 << 20, Burst: 8 << 20},
		Joins:     pacing.Rate{PerSecond: 1, Burst: 20},
		MaxExcess: 100,
	}
}

// verdict is the result of the limits for a message.
type verdict int

const (
	admit  verdict = iota
	refuse         // refuse the message with an error event
	drop           // refuse the message without an error event
	hangUp         // close the socket
)

// limits are the token buckets of one connection. It is not safe for concurrent use.
type limits struct {
	messages, bytes, joins *rate.Limiter
	maxExcess, refused     int
}

func newLimits(rates Rates) *limits {
	return &limits{
		messages: rates.Messages.Limiter(), bytes: rates.Bytes.Limiter(), joins: rates.Joins.Limiter(),
		maxExcess: rates.MaxExcess,
	}
}

// take counts a message of some bytes. When the bucket of messages is full again, the refused messages are forgotten.
func (l *limits) take(now time.Time, bytes int, join bool) verdict {
	ok := l.messages.AllowN(now, 1)
	ok = l.bytes.AllowN(now, bytes) && ok
	if join {
		ok = l.joins.AllowN(now, 1) && ok
	}
	switch {
	case ok:
		if l.messages.TokensAt(now) >= float64(l.messages.Burst()-1) { // this message took one
			l.refused = 0
		}
		return admit
	case l.refused == 0:
		l.refused++
		return refuse
	case l.refused < l.maxExcess:
		l.refused++
		return drop
	default:
		return hangUp
	}
}
