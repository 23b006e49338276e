package recording

import (
	"context"
	"sync"
	"time"

	"github.com/studycall/studycall/pacing"
)

// batchLimits delay the next batch by the size of the previous one. A single record is not delayed; many records at once share a
// few appends. Who waits for an ack does not notice 5 ms.
func batchLimits() pacing.Limits {
	return pacing.Limits{PerItem: 500 * time.Microsecond, Longest: 5 * time.Millisecond}
}

// batcher delays a record while the previous batch was large, so that records under load share an append.
type batcher struct {
	mu    sync.Mutex
	pacer pacing.Pacer
	next  chan struct{} // closed when the next batch starts; nil while no record waits
	size  int           // of the next batch
}

// wait returns when the next batch starts, or when ctx ends.
func (b *batcher) wait(ctx context.Context) {
	b.mu.Lock()
	now := time.Now()
	delay := b.pacer.Delay(batchLimits(), now)
	if b.next == nil && delay <= 0 {
		b.pacer.Began(now, 1)
		b.mu.Unlock()
		return
	}
	if b.next == nil {
		b.next = make(chan struct{})
		time.AfterFunc(delay, b.start)
	}
	b.size++
	next := b.next
	b.mu.Unlock()
	select {
	case <-next:
	case <-ctx.Done():
	}
}

// start starts the next batch.
func (b *batcher) start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.next)
	b.pacer.Began(time.Now(), b.size)
	b.next, b.size = nil, 0
}
