package embedded

import (
	"context"
	"time"
)

const (
	// adoptedPoll is how often a server that is not our child is looked at.
	adoptedPoll = 500 * time.Millisecond
	// firstPause and longestPause bound the wait between two attempts to bring the server back.
	firstPause   = 200 * time.Millisecond
	longestPause = 10 * time.Second
	// steadyAfter is how long a server has to live for its next death not to count as the same trouble.
	steadyAfter = time.Minute
)

// supervise brings the server back whenever it ends without having been told to, until ctx is over. Every process that has
// it open does this; under the start lock, the first to notice starts it and the others adopt it.
func (s *Server) supervise(ctx context.Context) {
	defer close(s.supervised)
	pause := time.Duration(0)
	for since := time.Now(); ; since = time.Now() {
		if !s.untilDead(ctx) {
			return
		}
		if time.Since(since) > steadyAfter {
			pause = 0
		}
		s.logger.Error("the embedded Postgres ended unexpectedly; starting it again", "dir", s.dir.root, "log", s.dir.log(), "pause", pause)
		for {
			if sleep(ctx, pause) != nil {
				return
			}
			pause = min(max(2*pause, firstPause), longestPause)
			err := s.transition(ctx, func() error { return s.revive(ctx) })
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return
			}
			s.logger.Error("starting the embedded Postgres again failed", "dir", s.dir.root, "error", err, "next_try_in", pause)
		}
	}
}

// revive starts the server unless it has been stopped on purpose in the meantime. The caller holds the start lock.
func (s *Server) revive(ctx context.Context) error {
	s.mu.Lock()
	wanted := s.wanted
	s.mu.Unlock()
	if !wanted {
		return nil
	}
	if err := s.ensureRunning(ctx); err != nil {
		return err
	}
	s.logger.Warn("the embedded Postgres is back", "dir", s.dir.root, "pid", s.PID())
	return nil
}

// untilDead returns true when the server that is wanted has ended, false when ctx is over.
func (s *Server) untilDead(ctx context.Context) bool {
	ticker := time.NewTicker(adoptedPoll)
	defer ticker.Stop()
	var seen *postmaster
	for {
		s.mu.Lock()
		current, wanted := s.current, s.wanted
		s.mu.Unlock()
		if wanted && !current.alive() {
			return true
		}
		// A child tells us itself, once; after that, and for all others, there is the ticker.
		var exited <-chan struct{}
		if current != nil && current != seen {
			exited = current.exited
		}
		select {
		case <-ctx.Done():
			return false
		case <-exited:
			seen = current
		case <-ticker.C:
		}
	}
}
