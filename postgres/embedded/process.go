package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processPoll is the interval at which the state of a process is read while its end or its readiness is awaited.
const processPoll = 10 * time.Millisecond

// lastResort is how long a server may take to end after SIGQUIT, before it is killed.
const lastResort = 5 * time.Second

// alive reports whether the process exists and is not a zombie.
func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := unix.Kill(pid, 0)
	return (err == nil || errors.Is(err, unix.EPERM)) && !zombie(pid)
}

// zombie reports whether the process has ended but its parent has not waited for it. In a container whose first process does
// not wait for orphans, a dead server stays a zombie for ever. It is false without /proc: outside Linux containers, the first
// process waits for every orphan.
func zombie(pid int) bool {
	stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	// "pid (name) state ...", where the name may contain anything.
	_, state, found := bytes.Cut(stat[max(bytes.LastIndexByte(stat, ')'), 0):], []byte(") "))
	return found && len(state) > 0 && (state[0] == 'Z' || state[0] == 'X')
}

// commandLine returns the arguments of the process, joined by spaces.
//
//nolint:contextcheck,nolintlint // ps ends by itself; the callers are reported otherwise
func commandLine(pid int) (string, error) {
	args, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err == nil {
		return strings.ReplaceAll(strings.TrimRight(string(args), "\x00"), "\x00", " "), nil
	}
	args, err = exec.CommandContext(context.Background(), "ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec // a number
	return strings.TrimSpace(string(args)), err
}

// isServer reports whether the process is a Postgres server on the folder data. A pid found in a file may belong to another
// program by now, especially in containers, where pids are few. A process whose command line cannot be read counts as one.
func isServer(pid int, data string) bool {
	if !alive(pid) {
		return false
	}
	// We always start it as "postgres -D <data> ...".
	args, err := commandLine(pid)
	return err != nil || args == "" || strings.Contains(args+" ", " -D "+data+" ")
}

// stopProcess sends the signal and waits for the end of the process. When ctx ends first, it sends SIGQUIT and at last
// SIGKILL, and returns an error that says so.
func stopProcess(ctx context.Context, pid int, signal unix.Signal) error {
	err := signalAndWait(ctx, pid, signal)
	if err == nil || ctx.Err() == nil {
		return err
	}
	err = fmt.Errorf("%w; it was ended at once", err)
	for _, signal := range []unix.Signal{unix.SIGQUIT, unix.SIGKILL} {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastResort)
		defer cancel()
		if signalAndWait(last, pid, signal) == nil {
			break
		}
	}
	return err
}

func signalAndWait(ctx context.Context, pid int, signal unix.Signal) error {
	if err := unix.Kill(pid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("send %s to the server (process %d): %w", unix.SignalName(signal), pid, err)
	}
	for alive(pid) {
		if err := sleep(ctx, processPoll); err != nil {
			return fmt.Errorf("wait for the server (process %d) to stop: %w", pid, err)
		}
	}
	return nil
}

// pidFile is the content of postmaster.pid, which a running server maintains.
type pidFile struct {
	pid       int // 0 if it cannot be read: the server crashed before the write
	socketDir string
	status    string // starting, ready or stopping; empty very early
}

func readPIDFile(path string) (pidFile, error) {
	text, err := os.ReadFile(path) //nolint:gosec // our own data directory
	if err != nil {
		return pidFile{}, fmt.Errorf("read the server's pid file: %w", err)
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
		return fmt.Errorf("read the stale pid file: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	if err := overwrite(path, strconv.Itoa(os.Getpid())+"\n"+rest); err != nil {
		return fmt.Errorf("replace the stale pid file: %w", err)
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
		return fmt.Errorf("remove a stale socket lock: %w", err)
	}
	return nil
}
