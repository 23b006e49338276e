package eventstore

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Store is the log. All methods may be called concurrently.
type Store struct {
	pool  *pgxpool.Pool
	log   *slog.Logger
	types *types
	tail  *tailBuffer

	head   *positionSignal            // the head of the log
	latest map[string]*positionSignal // by type, the last event that this server appended
	wakeup *positionSignal            // counts the calls to consumers to check at once whether there is something to do

	progressMu sync.Mutex
	progressOf map[string]*progress // by checkpoint

	queue     chan *pendingAppend
	committed chan struct{} // closed when the committer has ended
	closing   chan struct{}
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// Open opens the log of a migrated database. It starts two goroutines, the committer of appends and the listener for the
// appends of other servers, which Close ends. The pool remains the caller's.
func Open(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) (*Store, error) {
	s := &Store{
		pool:       pool,
		log:        log,
		types:      callEvents(),
		head:       newPositionSignal(),
		latest:     map[string]*positionSignal{},
		wakeup:     newPositionSignal(),
		progressOf: map[string]*progress{},
		queue:      make(chan *pendingAppend, queueLimit),
		committed:  make(chan struct{}),
		closing:    make(chan struct{}),
	}
	for name := range s.types.byName {
		s.latest[name] = newPositionSignal()
	}
	head, err := s.Head(ctx)
	if err != nil {
		return nil, err
	}
	s.head.advance(head)
	s.tail = newTailBuffer(s, head)
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.commitAppends(ctx) })
	s.running.Go(func() { s.listen(ctx) })
	return s, nil
}

// Close completes the batch of appends that is being committed, refuses further appends with ErrClosed, and ends tails. It
// returns when all goroutines of the store have ended. End subscriptions before.
func (s *Store) Close() {
	close(s.closing)
	s.stop()
	s.running.Wait()
}

// Head returns the position of the last event in the log, 0 if the log is empty.
func (s *Store) Head(ctx context.Context) (int64, error) {
	var head int64
	if err := s.pool.QueryRow(ctx, `select coalesce(max(position), 0) from events`).Scan(&head); err != nil {
		return 0, fmt.Errorf("read the head of the log: %w", err)
	}
	return head, nil
}
