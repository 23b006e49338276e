// Package recording is a write-behind queue: its callers answer at once and write to the database later. It knows no room and no
// command. Of this repository it imports only pacing.
//
// The records of one participant are written one at a time, in the order in which they were added. The records of different
// participants are written concurrently, by one goroutine for each participant with records. A record is retried while its error
// is retryable, as it is while the database is unavailable; a required record is retried until it is written or its error is
// final. The queue is bounded, except for required records, of which the caller adds a bounded number.
package recording

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sourcegraph/conc/panics"

	"github.com/studycall/studycall/pacing"
)

const (
	// participantLimit is how many records of one participant may wait: more than a person makes by hand during an outage.
	participantLimit = 1000
	// totalLimit is how many records may wait in all, of some 300 bytes each. A user with fewer than userLimit records may
	// exceed it.
	totalLimit = 100_000
	// userLimit is how many records of one user, in all studies, may wait however many others wait: during an outage a few
	// users who toggle as fast as they can must not use up the queue.
	userLimit = 200
	// requiredTimeout bounds one attempt to write a required record. The caller's Write bounds the others.
	requiredTimeout = 10 * time.Second
)

var (
	// ErrFull is the error of a record for which the queue has no room.
	ErrFull = errors.New("too many records wait for the database")
	// ErrClosed is the error of a record that was not written before Close.
	ErrClosed = errors.New("the queue closed before the record was written")
	// ErrPanicked is the error of a record whose Write panicked. It is final.
	ErrPanicked = errors.New("panic")
)

// Participant owns records.
type Participant struct{ StudyID, UserID string }

// Record is something to write.
type Record struct {
	// Write makes one attempt.
	Write func(ctx context.Context) error
	// Done is called once, with the error of the last attempt or ErrClosed. Its context ends when the queue closes.
	Done func(ctx context.Context, err error)
}

// entry is a record in the queue.
type entry struct {
	Record
	once     bool         // the first attempt is the last
	required bool         // only a final error ends the attempts
	claimed  *atomic.Bool // set by the worker when it starts the entry, or by the caller when it cancels. nil: no caller waits
}

// claim reports whether the entry is the worker's to write.
func (e entry) claim() bool { return e.claimed == nil || e.claimed.CompareAndSwap(false, true) }

// Config says how a queue judges errors.
type Config struct {
	// Retryable reports whether the same attempt may succeed later.
	Retryable func(err error) bool
	// Final reports whether no later attempt can succeed. It applies to required records.
	Final func(err error) bool
	Log   *slog.Logger
}

// Queue writes records. Its methods are safe for concurrent use.
type Queue struct {
	config Config
	//nolint:containedctx // the lifetime of the workers
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	entries map[Participant][]entry // the first one of each is being written
	total   int
	byUser  map[string]int // how many of total are of each user
	closed  bool
	empty   chan struct{} // closed when total reaches 0; nil while no Flush waits
	workers sync.WaitGroup

	batches batcher
}

// New makes an empty queue.
func New(config Config) *Queue {
	ctx, cancel := context.WithCancel(context.Background())
	return &Queue{config: config, ctx: ctx, cancel: cancel, entries: map[Participant][]entry{}, byUser: map[string]int{}}
}

// Add adds a record, or returns ErrFull.
func (q *Queue) Add(p Participant, r Record) error { return q.add(p, entry{Record: r}) }

// AddRequired adds a record that must not be lost, whatever the size of the queue. It is retried after every error that is not
// final. Otherwise a leave whose statement was cancelled or deadlocked would be lost, and the user would stay in the call.
func (q *Queue) AddRequired(p Participant, r Record) {
	write := r.Write
	r.Write = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requiredTimeout)
		defer cancel()
		return write(ctx)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.push(p, entry{Record: r, required: true})
}

// Do waits for the participant's earlier records, calls do once and returns its error. It returns the error of ctx if ctx ends
// before do starts, and ErrFull or ErrClosed.
func (q *Queue) Do(ctx context.Context, p Participant, do func(context.Context) error) error {
	claimed, done := new(atomic.Bool), make(chan error, 1)
	err := q.add(p, entry{once: true, claimed: claimed, Record: Record{
		Write: func(context.Context) error { return do(ctx) },
		Done:  func(_ context.Context, err error) { done <- err },
	}})
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if claimed.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-done
	}
}

// Busy reports whether a record of the participant's is waiting or being written.
func (q *Queue) Busy(p Participant) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.entries[p]) > 0
}

// Flush waits until the queue is empty. It returns the error of ctx if ctx ends first.
func (q *Queue) Flush(ctx context.Context) error {
	q.mu.Lock()
	if q.total == 0 {
		q.mu.Unlock()
		return nil
	}
	if q.empty == nil {
		q.empty = make(chan struct{})
	}
	empty := q.empty
	q.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the records that are not written with ErrClosed, and returns when all workers have ended.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.cancel()
	q.workers.Wait()
}

// add adds an entry if the queue has room for it.
func (q *Queue) add(p Participant, e entry) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries[p]) >= participantLimit || q.total >= totalLimit && q.byUser[p.UserID] >= userLimit {
		return ErrFull
	}
	q.push(p, e)
	return nil
}

// push adds an entry and starts a worker for its participant if none runs. The caller holds the lock.
func (q *Queue) push(p Participant, e entry) {
	if q.closed {
		go e.Done(q.ctx, ErrClosed)
		return
	}
	q.total++
	q.byUser[p.UserID]++
	q.entries[p] = append(q.entries[p], e)
	if len(q.entries[p]) == 1 {
		q.workers.Go(func() { q.work(p) })
	}
}

// work writes a participant's entries until none is left.
func (q *Queue) work(p Participant) {
	for first := true; ; first = false {
		q.mu.Lock()
		e := q.entries[p][0]
		q.mu.Unlock()
		if first && !e.once { // only a worker's first entry joins a batch; an entry of Do is not delayed, because its caller waits
			q.batches.wait(q.ctx)
		}
		if e.claim() {
			e.Done(q.ctx, q.write(e))
		}
		if !q.pop(p) {
			return
		}
	}
}

// pop removes the participant's first entry, and reports whether there is another one.
func (q *Queue) pop(p Participant) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total--
	if q.byUser[p.UserID]--; q.byUser[p.UserID] == 0 {
		delete(q.byUser, p.UserID)
	}
	if q.total == 0 && q.empty != nil {
		close(q.empty)
		q.empty = nil
	}
	if len(q.entries[p]) == 1 {
		delete(q.entries, p)
		return false
	}
	q.entries[p] = q.entries[p][1:]
	return true
}

// write makes attempts until one succeeds, or its error ends them.
func (q *Queue) write(e entry) error {
	// 50 to 100 ms at first, 1 to 2 s in a long outage; random, so that different participants do not retry at the same moment.
	delays := backoff.ExponentialBackOff{
		InitialInterval: 75 * time.Millisecond, MaxInterval: 1500 * time.Millisecond, Multiplier: 2, RandomizationFactor: 1.0 / 3,
	}
	for {
		if q.ctx.Err() != nil {
			return ErrClosed
		}
		err := q.attempt(e)
		retryable := err != nil && q.config.Retryable(err)
		if err == nil || e.once || !retryable && (!e.required || errors.Is(err, ErrPanicked) || q.config.Final(err)) {
			return err
		}
		if !retryable {
			q.config.Log.LogAttrs(q.ctx, slog.LevelWarn, "could not write a record, trying again", slog.Any("error", err))
		}
		select {
		case <-time.After(delays.NextBackOff()):
		case <-q.ctx.Done():
		}
	}
}

// attempt writes an entry once. A panic ends neither the server nor the participant's later entries.
func (q *Queue) attempt(e entry) error {
	var err error
	if recovered := panics.Try(func() { err = e.Write(q.ctx) }); recovered != nil {
		return fmt.Errorf("%w: %s", ErrPanicked, recovered)
	}
	return err
}

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
