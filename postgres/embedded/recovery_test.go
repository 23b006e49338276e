package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/studycall/studycall/check"
)

func TestACrashedServerIsRestarted(t *testing.T) {
	t.Parallel()
	for name, foreign := range map[string]bool{"child of this process": false, "started by another process": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if foreign {
				slow(t)
			}
			dir := testDir(t)
			if foreign {
				other := startChild(t, dir, false)
				defer func() { other.kill(t) }()
			}
			server := open(t, Options{Dir: dir})
			query(t, server, "create table kept (n int)")

			// When its main process is killed, as the kernel does when memory runs out
			before := server.PID()
			check.NoError(t, unix.Kill(before, unix.SIGKILL))

			// Then it runs again, with its data, at the same address
			check.Eventually(t, "the server runs again", func() bool {
				_, err := tryQuery(t.Context(), server, "select n::text from kept")
				return err == nil && server.PID() != 0
			})
			if server.PID() == before {
				t.Errorf("the server is still process %d", before)
			}
		})
	}
}

func TestCloseEndsAServerThatDoesNotStopInTime(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := testDir(t)
	server := open(t, Options{Dir: dir})
	query(t, server, "create table kept (n int)")
	pid := server.PID()
	// Given a server that is suspended
	check.NoError(t, unix.Kill(pid, unix.SIGSTOP))
	// When Close has 50 ms
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	go func() { // resume the server after the timeout, so that it handles the pending SIGQUIT and the test need not wait for SIGKILL
		<-ctx.Done()
		_ = unix.Kill(pid, unix.SIGCONT)
	}()
	if err := server.Close(ctx); err != nil {
		t.Log(err)
	}
	// Then the server is down, and the next one has its data
	if alive(pid) {
		t.Error("the server still runs")
	}
	query(t, open(t, Options{Dir: dir}), "select n::text from kept")
}

func TestCloseTwiceDoesNothing(t *testing.T) {
	t.Parallel()
	server := open(t, Options{Dir: testDir(t)})
	closeNow(t, server)
	closeNow(t, server)
	if server.PID() != 0 {
		t.Error("the server runs")
	}
}

func TestOpenReplacesStaleFilesOfACrash(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := testDir(t)
	server := open(t, Options{Dir: dir})
	query(t, server, "create table kept (n int)")
	sockets, place := server.socketDir, server.dir
	closeNow(t, server)

	// Given another program of the server's account, which has the pid that the crashed server had
	otherProgram := server.account.command(t.Context(), "/", "/bin/sh", "-c", "read forever")
	pipe, err := otherProgram.StdinPipe()
	check.NoError(t, err)
	check.NoError(t, otherProgram.Start())
	defer func() { _ = pipe.Close(); _ = otherProgram.Wait() }()

	for name, pid := range map[string]string{
		"a pid that is another program's": strconv.Itoa(otherProgram.Process.Pid),
		"a pid without a process":         "4194303",
		"our own pid":                     strconv.Itoa(os.Getpid()),
	} {
		// Given the files of a crashed server
		text := fmt.Sprintf("%s\n%s\n1700000000\n5432\n%s\n\n  9999999    999999\nready   \n", pid, place.data(), sockets)
		for _, path := range []string{place.pidFile(), socketFile(sockets) + ".lock"} {
			check.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			check.NoError(t, server.account.chown(path))
		}
		// Then the next start works
		again, err := tryOpen(t, Options{Dir: dir})
		if err != nil {
			t.Errorf("with %s: %v", name, err)
			continue
		}
		query(t, again, "select n::text from kept")
		closeNow(t, again)
	}
}

func TestAnUnfinishedDatabaseIsCreatedAgain(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := testDir(t)

	// Given an initdb that was interrupted, and the remains of one whose parent was killed
	ctx, cancel := context.WithCancel(t.Context())
	place := directory{root: dir}
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if made, _ := filepath.Glob(filepath.Join(dir, "data.new-*", "PG_VERSION")); len(made) > 0 {
				return
			}
			_ = sleep(ctx, time.Millisecond)
		}
	}()
	if server, err := Open(ctx, Options{Dir: dir}); err == nil {
		closeNow(t, server)
		t.Fatal("Open succeeded with a cancelled context")
	}
	remains := filepath.Join(dir, "data.new-123")
	check.NoError(t, os.MkdirAll(filepath.Join(remains, "base"), 0o700))
	check.NoError(t, os.WriteFile(filepath.Join(remains, "PG_VERSION"), []byte("15\n"), 0o600))
	if _, err := os.Stat(place.data()); err == nil {
		t.Fatal("an unfinished database has the name of a whole one")
	}

	// Then the next Open creates it from the start, and removes the remains
	server := open(t, Options{Dir: dir})
	query(t, server, "select 'whole'")
	if left, _ := filepath.Glob(filepath.Join(dir, "data.new*")); len(left) > 0 {
		t.Errorf("%v was not removed", left)
	}
}
