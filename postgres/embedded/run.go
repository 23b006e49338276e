package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

const (
	// lockPoll is the interval between two attempts at a taken lock.
	lockPoll = 20 * time.Millisecond
	// supervisePoll is how often a user of the server checks that it runs.
	supervisePoll = 500 * time.Millisecond
	// restartPause follows a failed restart, or a second one within a minute, so that a server that crashes at once does not spin.
	restartPause = 5 * time.Second
	// slowAfter is how long a step may take before a line says that it is under way.
	slowAfter = 2 * time.Second
	// orphansLimit is how long the backends of a crashed server may take to end.
	orphansLimit = 20 * time.Second
)

// lock returns the lock on a file of the directory, created when it is first taken. The kernel releases it when the process
// ends. The file is opened close-on-exec, so that the server that we start does not hold it.
func (d directory) lock(name string) *flock.Flock {
	// O_NOFOLLOW: as root we write in a directory that may belong to another account.
	return flock.New(d.lockFile(name), flock.SetFlag(os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW), flock.SetPermissions(0o600))
}

// takeExclusive claims the directory for this process and writes the process id into the lock.
func (s *Server) takeExclusive() error {
	taken, err := s.serving.TryLock()
	if err != nil {
		return fmt.Errorf("lock %s: %w", s.serving.Path(), err)
	}
	if !taken {
		holder := "another process" // which has not written its id yet
		text, _ := os.ReadFile(s.serving.Path())
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			holder = fmt.Sprintf("process %d", pid)
		}
		return fmt.Errorf("data directory %s is in use by %s; stop it or choose another --data-dir", s.dir.root, holder)
	}
	if err := overwrite(s.serving.Path(), strconv.Itoa(os.Getpid())+"\n"); err != nil {
		return fmt.Errorf("write to the lock: %w", err)
	}
	return s.files.chown(s.serving.Path())
}

// releaseLocks releases the locks that this process holds.
func (s *Server) releaseLocks() error {
	return errors.Join(s.users.Unlock(), s.starting.Unlock(), s.serving.Unlock())
}

// underStartLock runs do while no other process starts or stops the server.
func (s *Server) underStartLock(ctx context.Context, do func() error) (err error) {
	stop := logIfSlow(s.logger, "waiting for another process to start or stop the database", "dir", s.dir.root)
	_, err = s.starting.TryLockContext(ctx, lockPoll)
	stop()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = s.files.chown(s.starting.Path())
	}
	if err != nil {
		return fmt.Errorf("wait for the lock %s: %w", s.starting.Path(), err)
	}
	defer func() { err = errors.Join(err, s.starting.Unlock()) }()
	return do()
}

// supervise restarts the server when it has died, until ctx ends. Every user does this: the first that takes the start lock
// starts the server, and the others find it running.
func (s *Server) supervise(ctx context.Context) {
	pause, restarted := supervisePoll, time.Time{}
	for sleep(ctx, pause) == nil {
		pause = supervisePoll
		if s.PID() != 0 {
			continue
		}
		s.logger.Error("the embedded Postgres ended unexpectedly; restarting it", "dir", s.dir.root, "log", s.dir.log())
		err := s.underStartLock(ctx, func() error { return s.ensureRunning(ctx) })
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.logger.Error("restarting the embedded Postgres failed", "dir", s.dir.root, "error", err, "next_try_in", restartPause)
			pause = restartPause
		default:
			s.logger.Warn("the embedded Postgres is back", "dir", s.dir.root, "pid", s.PID())
			if time.Since(restarted) < time.Minute {
				pause = restartPause
			}
			restarted = time.Now()
		}
	}
}

// ensureRunning starts the server unless it runs already. It retries while the backends of a crashed server, which have not
// noticed the crash yet, hold its shared memory. The caller holds the start lock.
func (s *Server) ensureRunning(ctx context.Context) error {
	defer logIfSlow(s.logger, "waiting for the database to start", "log", s.dir.log())()
	running, err := s.findRunning(ctx)
	if err != nil || running {
		return err
	}
	for deadline := time.Now().Add(orphansLimit); ; {
		err := s.start(ctx)
		if !errors.Is(err, errMemoryInUse) || time.Now().After(deadline) {
			return err
		}
		if err := sleep(ctx, supervisePoll); err != nil {
			return err
		}
	}
}

// findRunning reports whether a server runs on the data and accepts connections. It waits for one that is starting or
// stopping, without a limit of its own, because recovery after a crash may take long. The caller holds the start lock.
func (s *Server) findRunning(ctx context.Context) (bool, error) {
	for {
		file, err := readPIDFile(s.dir.pidFile())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return false, removeSocketLock(s.socketDir)
		case err != nil:
			return false, err
		case !isServer(file.pid, s.dir.data()):
			return false, s.clearStale(ctx, file)
		case file.status == "ready" && accepts(ctx, file.socketDir):
			if file.socketDir != s.socketDir { // only while joining: all users of a running server have the same folder
				s.socketDir = file.socketDir
			}
			return true, nil
		}
		if err := sleep(ctx, processPoll); err != nil {
			return false, fmt.Errorf("wait for the server (process %d), whose status is %q: %w", file.pid, file.status, err)
		}
	}
}

// clearStale removes what a crashed server left, as far as it would prevent a start.
func (s *Server) clearStale(ctx context.Context, file pidFile) error {
	// A container does not see the processes of another one, but it can reach the socket of its server.
	if file.socketDir != "" && accepts(ctx, file.socketDir) {
		return fmt.Errorf("a server that this process cannot see (another container's?) runs on data directory %s; "+
			"stop it or choose another --data-dir", s.dir.root)
	}
	if err := replacePID(s.dir.pidFile()); err != nil {
		return err
	}
	return removeSocketLock(s.socketDir)
}

// accepts reports whether a server accepts connections on the socket, or has reached its limit of them.
func accepts(ctx context.Context, socketDir string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL(socketDir, "postgres"))
	if err == nil {
		_ = conn.Close(ctx)
		return true
	}
	serverErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && serverErr.Code == "53300" // too many connections
}

// logIfSlow logs the text unless done is called within slowAfter.
func logIfSlow(logger *slog.Logger, text string, args ...any) (done func()) {
	timer := time.AfterFunc(slowAfter, func() { logger.Info(text, args...) })
	return func() { timer.Stop() }
}

func sleep(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
