package realtime

import (
	"context"
	"sync"
	"time"
)

// departures let those who wait for the next one go together, recordEvery after the last one. Who comes when there was none
// for so long need not wait.
type departures struct {
	mu   sync.Mutex
	last time.Time
	next chan struct{} // closed when those who wait may go; nil when nobody does
}

// wait waits for the next departure, or for ctx's end.
func (d *departures) wait(ctx context.Context) {
	d.mu.Lock()
	now := time.Now()
	pause := recordEvery - now.Sub(d.last)
	if d.next == nil && pause <= 0 {
		d.last = now
		d.mu.Unlock()
		return
	}
	if d.next == nil {
		d.next = make(chan struct{})
		time.AfterFunc(pause, d.depart)
	}
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
	d.next, d.last = nil, time.Now()
}
