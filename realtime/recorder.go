package realtime

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// participantRecords is how many records of one participant may wait: more than anybody does by hand in an outage.
	participantRecords = 1000
	// waitingRecords is how many may wait in all, at some 300 bytes each; who has few of them may add to them all the same.
	waitingRecords = 100_000
	// userRecords is how many of one user's records may wait, in all studies, whatever others have: in an outage, a few who
	// toggle as fast as they may must not take the places of all.
	userRecords = 200
	// leaveTimeout bounds one attempt to record a leave. Commands bound themselves.
	leaveTimeout = 10 * time.Second
	// firstRetry and slowestRetry are the pauses between attempts while the database is away.
	firstRetry   = 50 * time.Millisecond
	slowestRetry = time.Second
)

// errRecorderFull says that too much waits for the database.
var errRecorderFull = errors.New("too many records wait for the database")

// errRecorderStopped says that the server stopped before the record was written.
var errRecorderStopped = errors.New("the server stopped first")

// participant is whom records are of.
type participant struct{ studyID, userID string }

// record is something to write: do is tried again while the database is away, then done is told how it ended.
type record struct {
	do   func(ctx context.Context) error
	done func(error)
	// once says that somebody waits for the first attempt's outcome.
	once bool
	// begun is set by whoever decides the record's fate first: the recorder that begins, or the caller who gives up.
	begun *atomic.Bool
	// must says that nothing but the record itself may refuse it.
	must bool
}

// recorder writes records, those of one participant in the order in which they were added, those of different ones
// concurrently. There is a goroutine for each participant of whom something waits.
type recorder struct {
	//nolint:containedctx // the lifetime of the goroutines
	ctx  context.Context
	stop context.CancelFunc
	log  *slog.Logger

	mu      sync.Mutex
	queues  map[participant][]record // the first is under way
	waiting int
	users   map[string]int // how many of these are of each user
	closed  bool
	idle    chan struct{} // closed when nothing waits; nil when nobody asks
	running sync.WaitGroup

	departures departures
}

func newRecorder(log *slog.Logger) *recorder {
	ctx, stop := context.WithCancel(context.Background())
	return &recorder{ctx: ctx, stop: stop, log: log, queues: map[participant][]record{}, users: map[string]int{}}
}

// add queues a record, or gives errRecorderFull. done is told later, or, with errRecorderStopped, at once.
func (r *recorder) add(p participant, rec record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queues[p]) >= participantRecords || r.waiting >= waitingRecords && r.users[p.userID] >= userRecords {
		return errRecorderFull
	}
	r.queue(p, rec)
	return nil
}

// mustAdd is add for what must not be lost and is bounded otherwise: there is at most one leave for each join. It is tried
// again whatever went wrong, unless the record refuses it: a leave that a cancelled statement or a deadlock ended would
// otherwise keep its user in the call for ever.
func (r *recorder) mustAdd(p participant, rec record) {
	rec.must = true
	do := rec.do
	rec.do = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
		defer cancel()
		return do(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue(p, rec)
}

// queue puts a record at the end of the participant's. The caller holds the lock.
func (r *recorder) queue(p participant, rec record) {
	if r.closed {
		go rec.done(errRecorderStopped)
		return
	}
	r.waiting++
	r.users[p.userID]++
	r.queues[p] = append(r.queues[p], rec)
	if len(r.queues[p]) == 1 {
		r.running.Go(func() { r.work(p) })
	}
}

// busy reports whether something of the participant's waits, or is under way.
func (r *recorder) busy(p participant) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queues[p]) > 0
}

// try does something in its turn among the participant's records, once, and gives its error; that of ctx if its turn does not
// come before.
func (r *recorder) try(ctx context.Context, p participant, do func(context.Context) error) error {
	begun, ended := new(atomic.Bool), make(chan error, 1)
	err := r.add(p, record{
		do:    func(context.Context) error { return do(ctx) },
		done:  func(err error) { ended <- err },
		once:  true,
		begun: begun,
	})
	if err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		if begun.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-ended
	}
}

// work writes a participant's records until none is left.
func (r *recorder) work(p participant) {
	for first := true; ; first = false {
		r.mu.Lock()
		next := r.queues[p][0]
		r.mu.Unlock()
		if first && !next.once { // what waits behind another has waited, and a join is not to wait for company
			r.departures.wait(r.ctx)
		}
		if next.begun == nil || next.begun.CompareAndSwap(false, true) {
			next.done(r.write(next))
		}
		if !r.more(p) {
			return
		}
	}
}

// more takes the first record off the queue, and tells whether there is another.
func (r *recorder) more(p participant) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting--
	if r.users[p.userID]--; r.users[p.userID] == 0 {
		delete(r.users, p.userID)
	}
	if r.waiting == 0 && r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
	if len(r.queues[p]) == 1 {
		delete(r.queues, p)
		return false
	}
	r.queues[p] = r.queues[p][1:]
	return true
}

// flush waits until nothing waits; ctx's error when that comes first.
func (r *recorder) flush(ctx context.Context) error {
	r.mu.Lock()
	if r.waiting == 0 {
		r.mu.Unlock()
		return nil
	}
	if r.idle == nil {
		r.idle = make(chan struct{})
	}
	idle := r.idle
	r.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close gives up what waits, and returns when all goroutines have ended.
func (r *recorder) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.running.Wait()
}
