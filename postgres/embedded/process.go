package embedded

import (
	"context"
	"errors"
	"fmt"
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
	if err := unix.Kill(pid, 0); err != nil && !errors.Is(err, unix.EPERM) {
		return false
	}
	return !zombie(pid)
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
		return fmt.Errorf("sending %s to the server (process %d): %w", unix.SignalName(signal), pid, err)
	}
	for alive(pid) {
		if err := sleep(ctx, processPoll); err != nil {
			return fmt.Errorf("waiting for the server (process %d) to stop: %w", pid, err)
		}
	}
	return nil
}
