package embedded

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestADeadServerThatNobodyWaitedForIsNotInTheWay: the program and its server are killed together, and the next start
// comes at once, while the dead server is still a zombie.
func TestADeadServerThatNobodyWaitedForIsNotInTheWay(t *testing.T) {
	t.Parallel()
	// Orphans come to us, and we, like the first process of some containers, do not wait for them.
	must(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	dir := testDir(t)
	place := directory{root: dir}
	for round := range 4 {
		program := startChild(t, dir, true)
		file, err := readPIDFile(place.pidFile())
		must(t, err)
		program.kill(t)
		must(t, unix.Kill(file.pid, unix.SIGKILL))
		if round%2 == 0 { // at once in the other rounds, while it dies
			eventually(t, "the server to be a zombie", func() bool { return zombie(file.pid) })
		}

		began := time.Now()
		again, err := tryOpen(t, Options{Dir: dir, Exclusive: true})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		t.Logf("round %d: open again after %v", round, time.Since(began))
		query(t, again, "select 'well'")
		if !zombie(file.pid) {
			t.Errorf("round %d: the dead server is no zombie any more, so this shows nothing", round)
		}
		closeNow(t, again)
		_, err = unix.Wait4(file.pid, nil, 0, nil)
		must(t, err)
	}
}
