package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Shutdown says how Stop ends the server.
type Shutdown int

const (
	// Fast breaks off open transactions and ends cleanly.
	Fast Shutdown = iota
	// Immediate ends at once, as a power cut would; the next start recovers from the log.
	Immediate
)

// Stop ends the server and keeps it down until Start; the URL stays the same. Other processes that have it open will start
// it again, so it is for a server of one's own. It waits for the end as long as ctx lasts.
func (s *Server) Stop(ctx context.Context, how Shutdown) error {
	return s.transition(ctx, func() error {
		s.setWanted(false)
		with := unix.SIGINT
		if how == Immediate {
			with = unix.SIGQUIT
		}
		if running := s.running(); running != nil {
			return running.stop(ctx, with)
		}
		return nil
	})
}

// Start starts a server that was ended with Stop, and returns when it answers. It does nothing to one that runs, and
// fails on one that was closed.
func (s *Server) Start(ctx context.Context) error {
	return s.transition(ctx, func() error {
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return errors.New("starting the embedded Postgres: it was closed")
		}
		if err := s.ensureRunning(ctx); err != nil {
			return err
		}
		s.setWanted(true)
		return nil
	})
}

// PID returns the process id of the server's main process, 0 while it is down.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.current.alive() {
		return 0
	}
	return s.current.pid
}

func (s *Server) setWanted(wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = wanted
}

// transition runs do while nobody else, here or in another process, starts, adopts or stops the server.
func (s *Server) transition(ctx context.Context, do func() error) (err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for the embedded Postgres: %w", context.Cause(ctx))
	}
	defer func() { <-s.turn }()
	done := progress(s.logger, "waiting for another process to start or stop the database", "dir", s.dir.root)
	err = s.starting.acquire(ctx)
	done()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.starting.release()) }()
	return do()
}

// leave stops the server if nobody else uses it, and reports whether that was so. The caller holds the start lock.
func (s *Server) leave(ctx context.Context) (last bool, err error) {
	last, err = s.users.try(unix.LOCK_EX)
	if err != nil || !last {
		return false, err
	}
	if running := s.running(); running != nil {
		err = running.stop(ctx, unix.SIGINT)
	}
	if !strings.HasPrefix(s.socketDir, s.dir.root) {
		_ = os.Remove(s.socketDir) // only an empty folder among the temporary files goes
	}
	return true, err
}

// running returns the server's main process as it is now, nil if there is none: another user may have replaced the one
// that we knew.
func (s *Server) running() *postmaster {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.alive() {
		return s.current
	}
	file, err := readPIDFile(s.dir.pidFile())
	if err != nil || !alive(file.pid) || !isPostmaster(file.pid, s.dir.data()) {
		return nil
	}
	return &postmaster{pid: file.pid, file: s.dir.pidFile()}
}

// ensureRunning adopts the server that runs, or starts one. The caller holds the start lock.
func (s *Server) ensureRunning(ctx context.Context) error {
	defer progress(s.logger, "waiting for the database to start", "log", s.dir.log())()
	found, socketDir, err := s.adopt(ctx)
	if err != nil {
		return err
	}
	if found == nil {
		socketDir = s.socketDir
		if found, err = s.startPatiently(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.socketDir = found, socketDir
	return nil
}

// startPatiently starts the server, again while the remains of a crashed one (backends that have not noticed yet) still
// hold its shared memory.
func (s *Server) startPatiently(ctx context.Context) (*postmaster, error) {
	const limit = 20 * time.Second
	for began, pause := time.Now(), 100*time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		started, err := s.start(ctx)
		if err == nil || !errors.Is(err, errMemoryInUse) || time.Since(began) > limit {
			return started, err
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
