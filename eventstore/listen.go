package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	logChannel  = "studycall_log"  // the payload is the new head of the log
	wakeChannel = "studycall_wake" // consumers check at once whether there is something to do
	// pollInterval is how often waiting readers query the head, in case a notification was lost.
	pollInterval = 500 * time.Millisecond
	// pingEvery and pingTimeout detect a connection that broke silently.
	pingEvery   = 30 * time.Second
	pingTimeout = 5 * time.Second
	// listenRetry is the delay before the listener connects again.
	listenRetry = 500 * time.Millisecond
)

// listen receives the notifications of other servers' appends until ctx ends.
func (s *Store) listen(ctx context.Context) {
	lost := false
	for ctx.Err() == nil {
		err := s.listenOnce(ctx, func() {
			if lost {
				s.log.Info("the LISTEN connection is restored")
			}
			lost = false
		})
		if ctx.Err() != nil {
			return
		}
		level := slog.LevelWarn
		if lost {
			level = slog.LevelDebug // it was logged before
		}
		lost = true
		s.log.Log(ctx, level, "lost the LISTEN connection; polling", "error", err)
		sleep(ctx, listenRetry, nil)
	}
}

// listenOnce listens on one connection until it breaks or ctx ends. It calls connected when it listens and has read the head,
// which tells of the appends that were missed.
func (s *Store) listenOnce(ctx context.Context, connected func()) error {
	// Not a connection of the pool: it would be reused with LISTEN still on.
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "listen "+logChannel+"; listen "+wakeChannel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	head, err := s.Head(ctx)
	if err != nil {
		return err
	}
	s.head.advance(head)
	connected()
	for {
		if err := s.receive(ctx, conn); err != nil {
			return err
		}
	}
}

// receive waits for a notification and handles it, or pings the database if none comes.
func (s *Store) receive(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, pingEvery)
	defer cancel()
	notification, err := conn.WaitForNotification(waiting)
	switch {
	case err == nil && notification.Channel == wakeChannel:
		s.wakeup.increment()
		return nil
	case err == nil:
		position, err := strconv.ParseInt(notification.Payload, 10, 64)
		if err != nil {
			return fmt.Errorf("notification %q: %w", notification.Payload, err)
		}
		s.head.advance(position)
		return nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		pinging, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		if err := conn.Ping(pinging); err != nil {
			return fmt.Errorf("ping: %w", err)
		}
		return nil
	default:
		return err
	}
}

// positionSignal holds the highest known position, of the log's head or of a checkpoint, and wakes the goroutines that wait
// for a higher one. All methods may be called concurrently.
type positionSignal struct {
	mu       sync.Mutex
	position int64
	advanced chan struct{} // closed and replaced when position grows
}

func newPositionSignal() *positionSignal {
	return &positionSignal{advanced: make(chan struct{})}
}

// advance raises the known position. A position that is not higher changes nothing.
func (s *positionSignal) advance(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if position > s.position {
		s.position = position
		close(s.advanced)
		s.advanced = make(chan struct{})
	}
}

// increment raises the known position by one, for a signal without positions. Only one goroutine may call it.
func (s *positionSignal) increment() {
	position, _ := s.current()
	s.advance(position + 1)
}

// current returns the highest known position, and a channel that is closed when a higher one is known.
func (s *positionSignal) current() (int64, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position, s.advanced
}

// sleep returns after the duration, when wakeup is closed, or when ctx ends. A nil wakeup is never closed.
func sleep(ctx context.Context, duration time.Duration, wakeup <-chan struct{}) {
	if duration <= 0 {
		return
	}
	select {
	case <-time.After(duration):
	case <-wakeup:
	case <-ctx.Done():
	}
}
