package embedded

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/studycall/studycall/check"
)

func TestProcessesShareOneServerAndTheLastOneStopsIt(t *testing.T) {
	t.Parallel()
	for _, starter := range []string{"we", "the other"} {
		t.Run(starter+" started it", func(t *testing.T) {
			t.Parallel()
			if starter == "we" {
				slow(t)
			}
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

			// When the one that started it leaves, the server runs on for the other.
			if starter == "we" {
				closeNow(t, ours)
			} else {
				other.leave(t)
				query(t, ours, "select 'still running'")
			}
			if !alive(pid) {
				t.Fatal("the server ended while a process uses it")
			}

			// When the last one leaves, it stops.
			if starter == "we" {
				other.leave(t)
			} else {
				closeNow(t, ours)
			}
			check.Eventually(t, "the server ends", func() bool { return !alive(pid) })
		})
	}
}

func TestExclusiveOpenIsRefusedWhileAnotherProcessServes(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := testDir(t)
	// Given another process that has the directory exclusively
	other := startChild(t, dir, true)

	// Then a second one is refused, with the process id
	_, err := tryOpen(t, Options{Dir: dir, Exclusive: true})
	want := fmt.Sprintf("data directory %s is in use by process %d; stop it or choose another --data-dir", dir, other.cmd.Process.Pid)
	if err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}

	// And a command that does not ask for exclusive use may open it
	command := open(t, Options{Dir: dir})
	query(t, command, "create table from_a_command (n int)")
	closeNow(t, command)

	// When the serving process is killed, the server runs on and holds none of the locks
	pid := command.PID()
	other.kill(t)
	next := open(t, Options{Dir: dir, Exclusive: true})
	if next.PID() != pid {
		t.Errorf("the server is process %d, want the running %d", next.PID(), pid)
	}
	query(t, next, "select n::text from from_a_command")
	closeNow(t, next)
	if alive(pid) {
		t.Error("the last user did not stop the server")
	}
}

func TestManyUsersOpenAndCloseAtOnce(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := testDir(t)
	// Given data, so that the rounds below only start and stop the server
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
	if pid := (directory{root: dir}).serverPID(); pid != 0 {
		t.Errorf("process %d still runs", pid)
	}
}

func TestAWaitForTheLockEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := testDir(t)
	held := directory{root: dir}.lock("start")
	taken, err := held.TryLock()
	check.NoError(t, err)
	if !taken {
		t.Fatal("the lock is taken")
	}
	defer func() { check.NoError(t, held.Unlock()) }()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := Open(ctx, Options{Dir: dir}); !errors.Is(err, enough) {
		t.Errorf("got %v, want the cause of the context", err)
	}
}
