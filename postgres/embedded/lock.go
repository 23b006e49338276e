package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockPoll is how often a taken lock is tried again. flock can block by itself, but then a context could not end the wait.
const lockPoll = 20 * time.Millisecond

// fileLock is an flock(2) on a file. The kernel ties it to the open file, and lets go when the process ends; the file is
// opened close-on-exec, so that the server that we start does not hold it on.
type fileLock struct{ file *os.File }

// openLock opens (or creates) the file without taking the lock.
func openLock(path string, owner owner) (*fileLock, error) {
	// O_NOFOLLOW: as root we write in a directory that may belong to somebody else.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600) //nolint:gosec // our own data directory
	if err != nil {
		return nil, fmt.Errorf("opening the lock %s: %w", path, err)
	}
	if err := owner.giveFile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &fileLock{file: file}, nil
}

// try takes the lock in the given mode (unix.LOCK_SH or unix.LOCK_EX) or reports false at once. A lock held in the other
// mode is converted, and lost if that fails.
func (l *fileLock) try(mode int) (bool, error) {
	for {
		err := unix.Flock(int(l.file.Fd()), mode|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, fmt.Errorf("locking %s: %w", l.file.Name(), err)
		}
	}
}

// acquire takes the lock exclusively, waiting for it as long as ctx lasts.
func (l *fileLock) acquire(ctx context.Context) error {
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for {
		taken, err := l.try(unix.LOCK_EX)
		if err != nil || taken {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the lock %s: %w", l.file.Name(), context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// release lets go of the lock and keeps the file open. It unlocks rather than closes: a child that is just being forked
// has the same open file for a moment, and would keep a merely closed one locked.
func (l *fileLock) release() error {
	if err := unix.Flock(int(l.file.Fd()), unix.LOCK_UN); err != nil {
		return fmt.Errorf("unlocking %s: %w", l.file.Name(), err)
	}
	return nil
}

// close lets go of the lock for good. A nil lock is fine.
func (l *fileLock) close() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.release(), l.file.Close())
}

// sign leaves this process's id in the file for whoever finds it locked.
func (l *fileLock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("signing the lock: %w", err)
	}
	if _, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("signing the lock: %w", err)
	}
	return nil
}

// signer returns the process id in the file, 0 if there is none.
func (l *fileLock) signer() int {
	buffer := make([]byte, 32)
	n, _ := l.file.ReadAt(buffer, 0) // a short read is the normal case, and an unreadable name is no reason to fail
	pid, err := strconv.Atoi(strings.TrimSpace(string(buffer[:n])))
	if err != nil {
		return 0
	}
	return pid
}
