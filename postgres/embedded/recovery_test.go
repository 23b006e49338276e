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
)

func TestACrashedServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	for name, adopted := range map[string]bool{"our child": false, "adopted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := testDir(t)
			if adopted {
				other := startChild(t, dir, false)
				defer func() { other.kill(t) }()
			}
			server := open(t, Options{Dir: dir})
			query(t, server, "create table kept (n int)")

			// When its main process is killed, as by the system that is out of memory
			before := server.running().pid
			must(t, unix.Kill(before, unix.SIGKILL))

			// Then it comes back, with its data, at the same address
			eventually(t, "the server to be back", func() bool {
				_, err := tryQuery(t.Context(), server, "select n::text from kept")
				return err == nil && server.PID() != 0
			})
			if server.PID() == before {
				t.Errorf("the server is still process %d", before)
			}
		})
	}
}

func TestStopKeepsItDownUntilStart(t *testing.T) {
	t.Parallel()
	server := open(t, Options{Dir: testDir(t)})
	query(t, server, "create table kept (n int)")
	url := server.URL()
	for _, how := range []Shutdown{Fast, Immediate} {
		must(t, server.Stop(t.Context(), how))
		if _, err := tryQuery(t.Context(), server, "select 'x'"); err == nil || server.PID() != 0 {
			t.Fatalf("the server answers (%v), process %d", err, server.PID())
		}
		must(t, server.Start(t.Context()))
		query(t, server, "select n::text from kept")
	}
	if server.URL() != url {
		t.Errorf("the address has become %s", server.URL())
	}
	must(t, server.Stop(t.Context(), Fast))
	closeNow(t, server)
	if err := server.Start(t.Context()); err == nil {
		t.Error("a closed server was started")
	}
}

func TestAServerThatDoesNotEndInTimeIsMadeTo(t *testing.T) {
	t.Parallel()
	server := open(t, Options{Dir: testDir(t)})
	pid := server.PID()
	// Given a server that is stuck
	must(t, unix.Kill(pid, unix.SIGSTOP))
	// When Stop has no time at all
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	go func() { // SIGQUIT stays pending on a stopped process; let it be handled instead of waiting for the last resort
		<-ctx.Done()
		_ = unix.Kill(pid, unix.SIGCONT)
	}()
	if err := server.Stop(ctx, Fast); err != nil {
		t.Log(err)
	}
	// Then it is down all the same, and can be started again
	if alive(pid) {
		t.Error("the server is still there")
	}
	must(t, server.Start(t.Context()))
}

func TestStaleFilesAreNotInTheWay(t *testing.T) {
	t.Parallel()
	dir := testDir(t)
	server := open(t, Options{Dir: dir})
	query(t, server, "create table kept (n int)")
	sockets, place := server.socketDir, server.dir
	closeNow(t, server)

	// Another program of the server's user, which has by now the pid that the crashed server had
	bystander := server.account.command(t.Context(), "/", "/bin/sh", "-c", "read forever")
	pipe, err := bystander.StdinPipe()
	must(t, err)
	must(t, bystander.Start())
	defer func() { _ = pipe.Close(); _ = bystander.Wait() }()

	for name, pid := range map[string]string{
		"a pid that is another program's": strconv.Itoa(bystander.Process.Pid),
		"a pid that is nobody's":          "4194303",
		"our own pid":                     strconv.Itoa(os.Getpid()),
	} {
		// Given the files of a crashed server
		text := fmt.Sprintf("%s\n%s\n1700000000\n5432\n%s\n\n  9999999    999999\nready   \n", pid, place.data(), sockets)
		for _, path := range []string{place.pidFile(), socketFile(sockets) + ".lock"} {
			must(t, os.WriteFile(path, []byte(text), 0o600))
			must(t, server.account.give(path))
		}
		// Then the next start gets past them
		again, err := tryOpen(t, Options{Dir: dir})
		if err != nil {
			t.Errorf("with %s: %v", name, err)
			continue
		}
		query(t, again, "select n::text from kept")
		closeNow(t, again)
	}
}

func TestAHalfMadeDatabaseIsMadeAgain(t *testing.T) {
	t.Parallel()
	dir := testDir(t)

	// Given an initdb that was broken off, and the remains of one whose program was killed
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
		t.Fatal("opening went on after its context was cancelled")
	}
	remains := filepath.Join(dir, "data.new-123")
	must(t, os.MkdirAll(filepath.Join(remains, "base"), 0o700))
	must(t, os.WriteFile(filepath.Join(remains, "PG_VERSION"), []byte("15\n"), 0o600))
	if _, err := os.Stat(place.data()); err == nil {
		t.Fatal("a half-made database has the name of a whole one")
	}

	// Then the next one makes it from the start, and clears up
	server := open(t, Options{Dir: dir})
	query(t, server, "select 'whole'")
	if left, _ := filepath.Glob(filepath.Join(dir, "data.new*")); len(left) > 0 {
		t.Errorf("%v is left over", left)
	}
}
