package embedded

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
)

func TestProcessesShareOneServerAndTheLastStopsIt(t *testing.T) {
	t.Parallel()
	for _, starter := range []string{"we", "the other"} {
		t.Run(starter+" started it", func(t *testing.T) {
			t.Parallel()
			dir := testDir(t)
			var ours *Server
			var other *child
			if starter == "we" {
				ours = open(t, Options{Dir: dir})
				other = startChild(t, dir, false)
			} else {
				other = startChild(t, dir, false)
				ours = open(t, Options{Dir: dir})
			}
			pid := ours.PID()

			// When the one that started it leaves, the server stays for the other.
			if starter == "we" {
				closeNow(t, ours)
			} else {
				other.leave(t)
				query(t, ours, "select 'still there'")
			}
			if !alive(pid) {
				t.Fatal("the server has gone while somebody uses it")
			}

			// When the last one leaves, it stops.
			if starter == "we" {
				other.leave(t)
			} else {
				closeNow(t, ours)
			}
			eventually(t, "the end of the server", func() bool { return !alive(pid) })
		})
	}
}

func TestOnlyOneServesADirectoryAtATime(t *testing.T) {
	t.Parallel()
	dir := testDir(t)
	// Given another process that serves it
	other := startChild(t, dir, true)

	// Then a second one is told who does
	_, err := tryOpen(t, Options{Dir: dir, Exclusive: true})
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != other.cmd.Process.Pid || inUse.Dir != dir {
		t.Fatalf("got %v, want an InUseError with process %d", err, other.cmd.Process.Pid)
	}

	// And commands that do not ask for it alone may come in
	command := open(t, Options{Dir: dir})
	query(t, command, "create table from_a_command (n int)")
	closeNow(t, command)

	// When the serving process is killed, its server lives on, and holds none of its locks
	pid := command.running().pid
	other.kill(t)
	next := open(t, Options{Dir: dir, Exclusive: true})
	if next.PID() != pid {
		t.Errorf("the server is process %d, want the adopted %d", next.PID(), pid)
	}
	query(t, next, "select n::text from from_a_command")
	closeNow(t, next)
	if alive(pid) {
		t.Error("the adopted server was not stopped by the last user")
	}
}

func TestManyComeAndGoAtOnce(t *testing.T) {
	t.Parallel()
	dir := testDir(t)
	// Create the data first, so that the rounds below are about starting and stopping.
	closeNow(t, open(t, Options{Dir: dir}))
	var group sync.WaitGroup
	for user := range 6 {
		group.Go(func() {
			for range 3 {
				server, err := tryOpen(t, Options{Dir: dir})
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := tryQuery(t.Context(), server, fmt.Sprintf("select '%d'", user)); err != nil || got != strconv.Itoa(user) {
					t.Errorf("user %d got %q, %v", user, got, err)
				}
				closeNow(t, server)
			}
		})
	}
	group.Wait()
	if file, err := readPIDFile(directory{root: dir}.pidFile()); err == nil {
		t.Errorf("process %d still runs", file.pid)
	}
}

func TestAWaitForTheLockEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := testDir(t)
	held, err := openLock(directory{root: dir}.lock("start"), owner{})
	must(t, err)
	must(t, held.acquire(t.Context()))
	defer func() { must(t, held.close()) }()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := Open(ctx, Options{Dir: dir}); !errors.Is(err, enough) {
		t.Errorf("got %v, want the cause of the context", err)
	}
}
