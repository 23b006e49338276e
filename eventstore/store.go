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
	head  *positionSignal
	// latest is where the latest events of each type are that this server appended.
	latest map[string]*positionSignal
	tail   *tailBuffer
	// calls has consumers look at once whether there is something to do.
	calls *call

	progressMu sync.Mutex
	progressOf map[string]*progress // by checkpoint

	queue     chan *pendingAppend
	committed chan struct{} // closed when the committer has ended
	stop      context.CancelFunc
	stopped   sync.WaitGroup
	closing   chan struct{}
}

// Open starts the log over a migrated database: the committer of appends and the listener that hears of other
// servers' appends. Close it. The pool stays the caller's.
func Open(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) (*Store, error) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{
		pool:       pool,
		log:        log,
		types:      callEvents(),
		head:       newPositionSignal(),
		latest:     map[string]*positionSignal{},
		progressOf: map[string]*progress{},
		queue:      make(chan *pendingAppend, queueLimit),
		committed:  make(chan struct{}),
		calls:      newCall(),
		stop:       stop,
		closing:    make(chan struct{}),
	}
	for name := range s.types.byName {
		s.latest[name] = newPositionSignal()
	}
	head, err := s.Head(ctx)
	if err != nil {
		stop()
		return nil, err
	}
	s.head.advance(head)
	s.tail = newTailBuffer(s, head)
	s.stopped.Go(func() { s.commitAppends(running) })
	s.stopped.Go(func() { s.listen(running) })
	return s, nil
}

// Close lets appends that are under way finish, refuses new ones with ErrClosed, and ends subscriptions. It returns
// when all of the store's goroutines have.
func (s *Store) Close() {
	close(s.closing)
	s.stop()
	s.stopped.Wait()
}

// Head is the position of the last event in the log, 0 when it is empty.
func (s *Store) Head(ctx context.Context) (int64, error) {
	var head int64
	if err := s.pool.QueryRow(ctx, `select coalesce(max(position), 0) from events`).Scan(&head); err != nil {
		return 0, fmt.Errorf("read the head of the log: %w", err)
	}
	return head, nil
}
