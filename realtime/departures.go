package realtime

import (
	"context"
	"sync"
	"time"
)

const (
	// pausePerRecord is how much later the next departure is for each record that left with the last one, and longestPause the
	// most of it. Single records leave at once; a crowd of them costs a few appends and not one each. Whoever waits for an ack
	// does not notice.
	pausePerRecord = 500 * time.Microsecond
	longestPause   = 5 * time.Millisecond
)

// departures let those who come while it is too early for the next one go together.
type departures struct {
	mu      sync.Mutex
	last    time.Time
	left    int           // with the last one
	next    chan struct{} // closed when those who wait may go; nil when nobody does
	waiting int           // for it
}

// wait waits for the next departure, or for ctx's end.
func (d *departures) wait(ctx context.Context) {
	d.mu.Lock()
	now := time.Now()
	pause := min(time.Duration(d.left)*pausePerRecord, longestPause) - now.Sub(d.last)
	if d.next == nil && pause <= 0 {
		d.last, d.left = now, 1
		d.mu.Unlock()
		return
	}
	if d.next == nil {
		d.next = make(chan struct{})
		time.AfterFunc(pause, d.depart)
	}
	d.waiting++
	next := d.next
	d.mu.Unlock()
	select {
	case <-next:
	case <-ctx.Done():
	}
}

func (d *departures) depart() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.next)
	d.last, d.left, d.next, d.waiting = time.Now(), d.waiting, nil, 0
}
