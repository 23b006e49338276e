package commands

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

const (
	// batchTimeout bounds the work for one batch.
	batchTimeout = 20 * time.Second
	// batchLimit is the largest number of requests in a batch.
	batchLimit = 256
)

// streamWorker carries out the commands to one study, in the order of their arrival. It caches the call: a command is
// decided without a read, and the append's expected version detects a cache that another server has overtaken. Requests
// that arrive during an append form the next batch. They are decided together, each on the state that the previous one
// leaves, and appended as one: a busy stream costs one append per round trip, not one per command.
type streamWorker struct {
	mu      sync.Mutex
	queue   []*request
	running bool

	cache cachedCall // only the worker's goroutine uses it
}

// request is one command in a worker's queue.
type request struct {
	ctx     context.Context
	command domain.Command
	// capture copies the caller's result from the call as it is after the command; nil if there is none.
	capture func(domain.Call)

	err      error
	events   int // how many events the batch has up to and including this request's
	position int64
	done     chan struct{}
}

// decide carries out a command on a study's call and returns the position that the answer rests on. decide calls capture
// before it returns, perhaps more than once; the last call counts. When ctx ends first, the command may still be carried out.
func (h *Handlers) decide(ctx context.Context, studyID string, command domain.Command, capture func(domain.Call)) (int64, error) {
	r := &request{ctx: ctx, command: command, capture: capture, done: make(chan struct{})}
	h.worker(studyID).enqueue(r) //nolint:contextcheck // a batch has a context of its own, see enqueue
	select {
	case <-r.done:
		return r.position, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (h *Handlers) worker(studyID string) *streamWorker {
	if w, ok := h.workers.Get(studyID); ok {
		return w
	}
	// If two workers of a study exist, because a busy one was evicted, the expected version keeps both correct.
	w := &streamWorker{cache: cachedCall{log: h.log, stream: eventstore.Stream(studyID)}}
	if earlier, ok, _ := h.workers.PeekOrAdd(studyID, w); ok {
		return earlier
	}
	return w
}

// enqueue adds a request and starts the worker if none runs. The worker belongs to no caller: a caller that cancels does
// not undo the other callers' commands.
func (w *streamWorker) enqueue(r *request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, r)
	if !w.running {
		w.running = true
		go w.run()
	}
}

// run processes batches until the queue is empty.
func (w *streamWorker) run() {
	for batch := w.nextBatch(); batch != nil; batch = w.nextBatch() {
		ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
		w.process(ctx, batch)
		cancel()
		for _, r := range batch {
			close(r.done)
		}
	}
}

// nextBatch takes the oldest requests from the queue. If the queue is empty, it marks the worker as stopped and returns nil.
func (w *streamWorker) nextBatch() []*request {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), batchLimit)
	if n == 0 {
		w.running = false
		return nil
	}
	batch := w.queue[:n:n]
	w.queue = w.queue[n:]
	return batch
}

// process decides and appends a batch, and sets the outcome of each request.
func (w *streamWorker) process(ctx context.Context, batch []*request) {
	err := w.decideAndAppend(ctx, batch)
	if err == nil {
		return
	}
	w.cache.loaded = false // the append may or may not have reached the log
	if len(batch) == 1 || errors.Is(err, errCannotRead) || errors.Is(err, eventstore.ErrUnavailable) {
		for _, r := range batch {
			r.err = err
		}
		return
	}
	// One bad event fails the append of the whole batch. Each request is therefore tried alone. If the append did reach the
	// log after all, the second decision finds nothing left to do.
	for i := range batch {
		w.process(ctx, batch[i:i+1])
	}
}

// decideAndAppend decides the batch and appends its events. A conflict means that another server appended first: the batch
// is decided again.
func (w *streamWorker) decideAndAppend(ctx context.Context, batch []*request) error {
	for fresh := false; ; fresh = true {
		if !w.cache.loaded {
			if err := w.cache.load(ctx); err != nil {
				return err
			}
			fresh = true
		}
		var stale bool
		var err error
		if after, events := w.decideAll(batch); len(events) > 0 {
			stale, err = w.appendAll(ctx, batch, after, events)
		} else {
			stale, err = w.confirm(ctx, batch, fresh)
		}
		if err != nil || !stale {
			return err
		}
	}
}

// decideAll decides each request on the state that the requests before it leave.
func (w *streamWorker) decideAll(batch []*request) (after domain.Call, all []domain.Event) {
	after = w.cache.call.Clone()
	for _, r := range batch {
		r.events = len(all)
		if r.err = r.ctx.Err(); r.err != nil {
			continue // the caller has cancelled, and nothing has been done yet
		}
		var events []domain.Event
		if events, r.err = after.Decide(r.command); r.err != nil {
			continue
		}
		for _, event := range events {
			after.Evolve(event)
		}
		all = append(all, events...)
		r.events = len(all)
		if r.capture != nil {
			r.capture(after)
		}
	}
	return after, all
}

// appendAll appends the events of the batch and answers it. stale reports that another server has appended first: the cache
// is caught up, and the batch must be decided again.
func (w *streamWorker) appendAll(ctx context.Context, batch []*request, after domain.Call, events []domain.Event) (stale bool, err error) {
	c := &w.cache
	position, err := c.log.Append(ctx, c.stream, c.version, events)
	if errors.Is(err, eventstore.ErrConflict) {
		overtaken, err := c.catchUp(ctx)
		// A conflict without a newer event: the log is not the one that the cache was read from.
		c.loaded = c.loaded && overtaken
		return true, err
	}
	if err != nil {
		return false, err
	}
	answer(batch, c.position, position-int64(len(events)))
	c.call, c.version, c.position = after, c.version+int64(len(events)), position
	return false, nil
}

// confirm answers a batch that has no events. No append checks the version then, so confirm reads whether another server
// has appended since, unless the cache is fresh. stale reports that one has: the batch must be decided again.
func (w *streamWorker) confirm(ctx context.Context, batch []*request, fresh bool) (stale bool, err error) {
	if !fresh {
		if stale, err = w.cache.catchUp(ctx); stale || err != nil {
			return stale, err
		}
	}
	answer(batch, w.cache.position, w.cache.position)
	return false, nil
}

// answer sets the position that each request's answer rests on: that of the last event up to and including its own, or
// latest if the batch has none so far. The batch's events follow base.
func answer(batch []*request, latest, base int64) {
	for _, r := range batch {
		r.position = latest
		if r.events > 0 {
			r.position = base + int64(r.events)
		}
	}
}
