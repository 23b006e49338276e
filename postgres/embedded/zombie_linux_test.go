package embedded

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/studycall/studycall/check"
)

// The program and its server are killed together. The next start follows at once, while the dead server is still a zombie.
func TestOpenStartsWhileTheDeadServerIsAZombie(t *testing.T) {
	t.Parallel()
	slow(t)
	// Orphans become children of this process, which, like the first process of some containers, does not wait for them.
	check.NoError(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	dir := testDir(t)
	place := directory{root: dir}
	for round := range 4 {
		program := startChild(t, dir, true)
		file, err := readPIDFile(place.pidFile())
		check.NoError(t, err)
		program.kill(t)
		check.NoError(t, unix.Kill(file.pid, unix.SIGKILL))
		if round%2 == 0 { // the other rounds start while it dies
			check.Eventually(t, "the server is a zombie", func() bool { return zombie(file.pid) })
		}

		began := time.Now()
		again, err := tryOpen(t, Options{Dir: dir, Exclusive: true})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		t.Logf("round %d: open again after %v", round, time.Since(began))
		query(t, again, "select 'open'")
		if !zombie(file.pid) {
			t.Errorf("round %d: the dead server is no zombie any more, so the test has no effect", round)
		}
		closeNow(t, again)
		_, err = unix.Wait4(file.pid, nil, 0, nil)
		check.NoError(t, err)
	}
}
