package embedded

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// lockPoll is the interval between two attempts at a taken lock.
const lockPoll = 20 * time.Millisecond

// ErrInUse is matched (errors.Is) by the InUseError of a data directory that another process has exclusively.
var ErrInUse = errors.New("data directory is in use")

// InUseError says that another process has the data directory open with Options.Exclusive.
type InUseError struct {
	Dir string // the data directory
	PID int    // the process that has it; 0 if it has not written its id yet
}

// Error names the other process and the remedy.
func (e *InUseError) Error() string {
	holder := "another process"
	if e.PID > 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("data directory %s is in use by %s; stop it or choose another --data-dir", e.Dir, holder)
}

// Is makes errors.Is(err, ErrInUse) true.
func (e *InUseError) Is(target error) bool { return target == ErrInUse }

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
		return fmt.Errorf("locking %s: %w", s.serving.Path(), err)
	}
	if !taken {
		text, _ := os.ReadFile(s.serving.Path())
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0 if there is none yet
		return &InUseError{Dir: s.dir.root, PID: pid}
	}
	if err := overwrite(s.serving.Path(), strconv.Itoa(os.Getpid())+"\n"); err != nil {
		return fmt.Errorf("writing to the lock: %w", err)
	}
	return s.files.chown(s.serving.Path())
}

// releaseLocks releases the locks that this process holds.
func (s *Server) releaseLocks() error {
	return errors.Join(s.users.Unlock(), s.starting.Unlock(), s.serving.Unlock())
}
