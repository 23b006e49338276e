//go:build !linux

package embedded

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// zombie is always false: outside Linux containers, the first process waits for every orphan.
func zombie(int) bool { return false }

// commandLine asks the kernel (macOS): the number of arguments, the program's path, padding, then the arguments.
func commandLine(pid int) ([]string, error) {
	raw, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return nil, fmt.Errorf("reading the command line of process %d: %w", pid, err)
	}
	if len(raw) < 4 {
		return nil, nil
	}
	count := int(raw[0]) | int(raw[1])<<8 | int(raw[2])<<16
	_, rest, _ := bytes.Cut(raw[4:], []byte{0})
	rest = bytes.TrimLeft(rest, "\x00")
	var args []string
	for range count {
		arg, after, found := bytes.Cut(rest, []byte{0})
		if !found {
			break
		}
		args, rest = append(args, string(arg)), after
	}
	return args, nil
}
