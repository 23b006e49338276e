package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	logChannel  = "studycall_log"  // the head has grown, to the position that the payload is
	wakeChannel = "studycall_wake" // consumers are to look at once
	// pollInterval is the fallback where a notification was lost: while the listener reconnects, say.
	pollInterval = 500 * time.Millisecond
	// pingEvery and pingTimeout make a connection that died without a word be noticed.
	pingEvery   = 30 * time.Second
	pingTimeout = 5 * time.Second
	// listenRetry is how long the listener waits before it connects again.
	listenRetry = 500 * time.Millisecond
)

// listen hears of the appends of other servers, until ctx ends. What it missed while it was away it reads on return.
func (s *Store) listen(ctx context.Context) {
	lost := false
	for ctx.Err() == nil {
		err := s.listenOnce(ctx, func() {
			if lost {
				s.log.Info("the notifications of the log are back")
			}
			lost = false
		})
		if ctx.Err() != nil {
			return
		}
		level := slog.LevelWarn
		if lost {
			level = slog.LevelDebug // it has been said
		}
		lost = true
		s.log.Log(ctx, level, "lost the notifications of the log; polling until they are back", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(listenRetry):
		}
	}
}

// listenOnce calls listening when it is connected and knows what it missed.
func (s *Store) listenOnce(ctx context.Context, listening func()) error {
	// A connection of its own: the pool's would go back with the LISTEN still on.
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
	listening()
	for {
		waiting, cancel := context.WithTimeout(ctx, pingEvery)
		notification, err := conn.WaitForNotification(waiting)
		cancel()
		switch {
		case err == nil && notification.Channel == wakeChannel:
			s.calls.wake()
		case err == nil:
			position, err := strconv.ParseInt(notification.Payload, 10, 64)
			if err != nil {
				return fmt.Errorf("notification %q: %w", notification.Payload, err)
			}
			s.head.advance(position)
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			pinging, cancel := context.WithTimeout(ctx, pingTimeout)
			err := conn.Ping(pinging)
			cancel()
			if err != nil {
				return fmt.Errorf("ping: %w", err)
			}
		default:
			return err
		}
	}
}
