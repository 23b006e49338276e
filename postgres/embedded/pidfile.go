package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pidFile is the content of postmaster.pid, which a running server maintains.
type pidFile struct {
	pid       int // 0 if it cannot be read: the server crashed before the write
	socketDir string
	status    string // starting, ready or stopping; empty very early
}

func readPIDFile(path string) (pidFile, error) {
	text, err := os.ReadFile(path) //nolint:gosec // our own data directory
	if err != nil {
		return pidFile{}, fmt.Errorf("reading the server's pid file: %w", err)
	}
	// Lines: pid, data directory, start time, port, socket directory, TCP address, shared memory, status.
	lines := append(strings.Split(string(text), "\n"), make([]string, 8)...)
	pid, _ := strconv.Atoi(strings.TrimSpace(lines[0]))
	return pidFile{pid: pid, socketDir: strings.TrimSpace(lines[4]), status: strings.TrimSpace(lines[7])}, nil
}

// serverPID returns the process id of the server that runs on the data, 0 if none does.
func (d directory) serverPID() int {
	file, err := readPIDFile(d.pidFile())
	if err != nil || !isServer(file.pid, d.data()) {
		return 0
	}
	return file.pid
}

// replacePID writes our own pid into the pid file of a crashed server. Postgres refuses to start while the pid in the file
// exists, even as another program's or as a zombie's. It takes a file with its parent's pid for a stale one, and still checks
// the shared memory that the file names: only that shows whether backends of the crashed server are alive. Deleting the file
// would lose that check.
func replacePID(path string) error {
	text, err := os.ReadFile(path) //nolint:gosec // our own data directory
	if err != nil {
		return fmt.Errorf("reading the stale pid file: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	if err := overwrite(path, strconv.Itoa(os.Getpid())+"\n"+rest); err != nil {
		return fmt.Errorf("replacing the stale pid file: %w", err)
	}
	return nil
}

// overwrite replaces the content of a file, and keeps its owner. The file is never empty in between, because Postgres does not
// start with an empty pid file.
func overwrite(path, content string) error {
	// O_NOFOLLOW: as root we write in a directory that may belong to another account.
	file, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0) //nolint:gosec // our own data directory
	if err != nil {
		return err
	}
	_, err = file.WriteAt([]byte(content), 0)
	return errors.Join(err, file.Truncate(int64(len(content))), file.Close())
}

// removeSocketLock removes the lock file that a crashed server left beside its socket. The caller knows that no server runs.
func removeSocketLock(socketDir string) error {
	if err := os.Remove(socketFile(socketDir) + ".lock"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a stale socket lock: %w", err)
	}
	return nil
}
