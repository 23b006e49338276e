package embedded

import (
	"errors"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// alive reports whether the process exists and is not merely waiting to be reaped by its parent.
func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	if err := unix.Kill(pid, 0); err != nil && !errors.Is(err, unix.EPERM) {
		return false
	}
	return !zombie(pid)
}

// isPostmaster reports whether the process is a Postgres server on the folder data: a pid found in a file may be some
// other program's by now, above all in containers, where pids are few. What cannot be looked at counts as a server.
func isPostmaster(pid int, data string) bool {
	args, err := commandLine(pid)
	if err != nil || len(args) == 0 {
		return alive(pid)
	}
	// We always start it as "postgres -D <data> ...".
	at := slices.Index(args, "-D")
	return at >= 0 && at+1 < len(args) && filepath.Clean(args[at+1]) == data
}
