package websocket

import "time"

const (
	// UsualControl is how many control frames, or packets, a peer may send in controlTime: far more than any client does. Its
	// messages are for others to count.
	UsualControl = 100
	controlTime  = 10 * time.Second
)

// ControlLimit counts what a peer sends that is no message, and yet is work: pings, which are answered. The zero value is
// ready. It is not safe for concurrent use.
type ControlLimit struct {
	since time.Time
	count int
}

// Take counts one at a time, and reports whether no more than most have come in 10 seconds.
func (l *ControlLimit) Take(now time.Time, most int) bool {
	if now.Sub(l.since) >= controlTime {
		l.since, l.count = now, 0
	}
	l.count++
	return l.count <= most
}
