package embedded

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// zombie reports whether the process has ended but nobody has waited for it. In a container whose first process does not
// wait, an orphaned server stays like that for ever.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	// "pid (name) state ...", where the name may hold anything.
	_, rest, found := bytes.Cut(stat[max(bytes.LastIndexByte(stat, ')'), 0):], []byte(") "))
	return found && len(rest) > 0 && (rest[0] == 'Z' || rest[0] == 'X')
}

func commandLine(pid int) ([]string, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return nil, fmt.Errorf("reading the command line of process %d: %w", pid, err)
	}
	if len(text) == 0 {
		return nil, nil
	}
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00"), nil
}
