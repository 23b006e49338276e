package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pidFile is what a running server says about itself in postmaster.pid.
type pidFile struct {
	pid       int
	socketDir string
	status    string // starting, ready or stopping; empty very early
}

func readPIDFile(path string) (pidFile, error) {
	text, err := os.ReadFile(path) //nolint:gosec // our own data directory
	if err != nil {
		return pidFile{}, fmt.Errorf("reading the server's pid file: %w", err)
	}
	// Lines: pid, data directory, start time, port, socket directory, TCP address, shared memory, status.
	lines := strings.Split(string(text), "\n")
	line := func(n int) string {
		if n < len(lines) {
			return strings.TrimSpace(lines[n])
		}
		return ""
	}
	// A pid that cannot be read (a crash before the write) stays 0, and counts as nobody.
	pid, _ := strconv.Atoi(line(0))
	return pidFile{pid: pid, socketDir: line(4), status: line(7)}, nil
}

// disownPIDFile writes our own pid over a crashed server's, which Postgres would take for a running one: where it has
// become some other program's, and as long as nobody has waited for the dead process, which some containers never do.
// Postgres takes a file with its parent's pid for a stale one, and still looks at the shared memory that the file names:
// only that tells whether backends of the crashed server are alive. Deleting the file would lose that check.
func disownPIDFile(path string, account account) error {
	text, err := os.ReadFile(path) //nolint:gosec // our own data directory
	if err != nil {
		return fmt.Errorf("reading the stale pid file: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	next, err := os.CreateTemp(filepath.Dir(path), "postmaster.pid.*")
	if err != nil {
		return fmt.Errorf("replacing the stale pid file: %w", err)
	}
	_, err = next.WriteString(strconv.Itoa(os.Getpid()) + "\n" + rest)
	if closeErr := next.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = account.give(next.Name())
	}
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("replacing the stale pid file: %w", err)
	}
	return nil
}
