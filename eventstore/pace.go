package eventstore

import "time"

const (
	// pausePerEvent is how much later the next read of the log begins for each event that the last one brought, and
	// longestPause the most of it. A read of few events, with the transaction that it may be part of, costs as much as one of
	// dozens: where single events come, each is read at once, and in a crowd many together.
	pausePerEvent = 500 * time.Microsecond
	longestPause  = 10 * time.Millisecond
)

// pace is when a reader that follows the log last read, and what that brought. It is not safe for concurrent use.
type pace struct {
	read   time.Time
	events int
}

// pause is how long to wait before the next read.
func (p pace) pause() time.Duration {
	return min(time.Duration(p.events)*pausePerEvent, longestPause) - time.Since(p.read)
}
