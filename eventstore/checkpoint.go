package eventstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// progressPoll is how often WaitFor reads a checkpoint that another server may move. Moves by this server wake it at once.
const progressPoll = 5 * time.Millisecond

// EnsureCheckpoint creates the checkpoint of a new consumer, at the beginning of the log. It leaves an existing one as it is.
func EnsureCheckpoint(ctx context.Context, tx pgx.Tx, name string) error {
	_, err := tx.Exec(ctx, `insert into public.checkpoints (name) values ($1) on conflict do nothing`, name)
	if err != nil {
		return fmt.Errorf("create checkpoint %s: %w", name, err)
	}
	return nil
}

// Retry makes all servers try again at once the slice that the named consumer failed at, without waiting for the backoff. It
// removes the recorded error. If the next try fails too, its error is recorded.
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

// WakeConsumers makes the consumers on all servers check, when the transaction commits, whether there is something to do. Call
// it if the transaction changed checkpoints, or removed the cause of a failure.
func WakeConsumers(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `select pg_notify($1, '')`, wakeChannel)
	return err
}

// WaitFor waits until the named consumer has handled the position, on any server. The error is ctx's or the database's.
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

// poll reads the checkpoint for all callers of WaitFor, unless one of them is reading it.
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

// progress is the highest known position of a checkpoint.
type progress struct {
	*positionSignal
	polling sync.Mutex
}

func (s *Store) progress(name string) *progress {
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	p, ok := s.progressOf[name]
	if !ok {
		p = &progress{positionSignal: newPositionSignal()}
		s.progressOf[name] = p
	}
	return p
}
