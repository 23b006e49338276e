package eventstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// progressPoll is how often a waiting reader looks for progress that another server made. What this server makes
// wakes the reader at once.
const progressPoll = 5 * time.Millisecond

// Retry asks all servers to try again at once what a consumer failed at, rather than after their pause. It forgets the
// error that was noted; should the next try fail as well, it is noted anew.
func (s *Store) Retry(ctx context.Context, name string) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update checkpoints set error = null where name = $1`, name); err != nil {
			return err
		}
		return WakeConsumers(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("retry %s: %w", name, err)
	}
	return nil
}

// WakeConsumers has the consumers on all servers look, once the transaction commits, whether there is something to do:
// their checkpoints have been changed, or what they failed at may go well now.
func WakeConsumers(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `select pg_notify($1, '')`, wakeChannel)
	return err
}

// WaitFor waits until the named consumer has handled the position, on whichever server it runs. The error is ctx's,
// or the database's.
func (s *Store) WaitFor(ctx context.Context, name string, position int64) error {
	progress := s.progress(name)
	for {
		reached, advanced := progress.current()
		if reached >= position {
			return nil
		}
		select {
		case <-advanced:
		case <-time.After(progressPoll):
			if err := s.poll(ctx, name, progress); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// poll looks how far the consumer is, for all who wait: one looks at a time.
func (s *Store) poll(ctx context.Context, name string, progress *progress) error {
	if !progress.polling.TryLock() {
		return nil
	}
	defer progress.polling.Unlock()
	var position int64
	err := s.pool.QueryRow(ctx, `select position from checkpoints where name = $1`, name).Scan(&position)
	if err != nil {
		return fmt.Errorf("read checkpoint %s: %w", name, err)
	}
	progress.advance(position)
	return nil
}

// progress is how far a consumer is known to have come.
type progress struct {
	positionSignal
	polling sync.Mutex
}

func (s *Store) progress(name string) *progress {
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	p, ok := s.progressOf[name]
	if !ok {
		p = &progress{positionSignal: positionSignal{advanced: make(chan struct{})}}
		s.progressOf[name] = p
	}
	return p
}
