package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// processPoll is how often a process is looked at while its end or its readiness is awaited.
const processPoll = 10 * time.Millisecond

// lastResort is how long a server that was told to end at once may take before it is killed.
const lastResort = 5 * time.Second

// postmaster is the main process of a running server.
type postmaster struct {
	pid    int
	exited chan struct{} // closed when our child has ended; nil if it is not our child
	file   string        // its postmaster.pid
}

// startPostmaster starts cmd and waits for its end in the background, so that it does not stay a zombie.
func startPostmaster(cmd *exec.Cmd, file string) (*postmaster, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	p := &postmaster{pid: cmd.Process.Pid, exited: make(chan struct{}), file: file}
	go p.reap(cmd)
	return p, nil
}

// reap outlives the Server if other processes go on using what we started: only the parent can wait for a child.
func (p *postmaster) reap(cmd *exec.Cmd) {
	_ = cmd.Wait() // how it ended is in its log
	close(p.exited)
}

func (p *postmaster) alive() bool {
	if p == nil {
		return false
	}
	if p.exited != nil {
		select {
		case <-p.exited:
			return false
		default:
			return true
		}
	}
	if !alive(p.pid) {
		return false
	}
	now, err := readPIDFile(p.file)
	return err == nil && now.pid == p.pid
}

// signal ignores that the process is gone already.
func (p *postmaster) signal(signal unix.Signal) error {
	if !p.alive() {
		return nil
	}
	if err := unix.Kill(p.pid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("sending %s to the server (process %d): %w", unix.SignalName(signal), p.pid, err)
	}
	return nil
}

// wait returns when the process has ended, or with the cause of ctx.
func (p *postmaster) wait(ctx context.Context) error {
	ticker := time.NewTicker(processPoll)
	defer ticker.Stop()
	for p.processAlive() {
		select {
		case <-p.exited: // nil, and so never, for a process that is not our child
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// processAlive is alive without the pid file, which a server removes a moment before its process ends.
func (p *postmaster) processAlive() bool {
	if p.exited != nil {
		return p.alive()
	}
	return alive(p.pid)
}

// stop ends the server with the given signal, and more and more rudely once ctx is over.
func (p *postmaster) stop(ctx context.Context, with unix.Signal) error {
	if err := p.signal(with); err != nil {
		return err
	}
	err := p.wait(ctx)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("waiting for the server (process %d) to end: %w; it was told to end at once", p.pid, err)
	for _, signal := range []unix.Signal{unix.SIGQUIT, unix.SIGKILL} {
		if signalErr := p.signal(signal); signalErr != nil {
			return errors.Join(err, signalErr)
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastResort)
		ended := p.wait(last)
		cancel()
		if ended == nil {
			break
		}
	}
	return err
}

// removeSocketLock removes what a crashed server left in its socket's folder. The caller knows that no server runs.
func removeSocketLock(socketDir string) error {
	if err := os.Remove(socketFile(socketDir) + ".lock"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing a stale socket lock: %w", err)
	}
	return nil
}
