package embedded

import (
	"bytes"
	"os"
	"strconv"
)

// zombie reports whether the process has ended but its parent has not waited for it. In a container whose first process does
// not wait for orphans, a dead server stays a zombie for ever.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	// "pid (name) state ...", where the name may contain anything.
	_, state, found := bytes.Cut(stat[max(bytes.LastIndexByte(stat, ')'), 0):], []byte(") "))
	return found && len(state) > 0 && (state[0] == 'Z' || state[0] == 'X')
}

// commandLine returns the arguments of the process, joined by spaces.
func commandLine(pid int) (string, error) {
	args, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return string(bytes.ReplaceAll(bytes.TrimRight(args, "\x00"), []byte{0}, []byte{' '})), err
}
