package fanout

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what a process has used.
type usage struct {
	CPU    time.Duration `json:"cpu"`    // since its start, in the kernel too
	Memory int64         `json:"memory"` // bytes that are resident; 0 unless asked for
}

// What is asked of a server's process, one line for each question.
const (
	askCPU    = "cpu"
	askMemory = "memory" // after a collection
)

// ready is a server's first line.
type ready struct {
	Address string `json:"address"`
}

// Report says over out where this process serves, and answers over in what it has used, until in ends, as it does when the
// process that asks ends.
func Report(address string, in io.Reader, out io.Writer) error {
	encoder := json.NewEncoder(out)
	if err := encoder.Encode(ready{address}); err != nil {
		return err
	}
	questions := bufio.NewScanner(in)
	for questions.Scan() {
		used, err := measure(questions.Text() == askMemory)
		if err != nil {
			return err
		}
		if err := encoder.Encode(used); err != nil {
			return err
		}
	}
	return questions.Err()
}

func measure(memory bool) (usage, error) {
	var used usage
	if memory {
		debug.FreeOSMemory()
		debug.FreeOSMemory() // what pools keep lives through one collection
		var err error
		if used.Memory, err = resident(); err != nil {
			return used, err
		}
	}
	var spent syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &spent); err != nil {
		return used, err
	}
	used.CPU = time.Duration(spent.Utime.Nano() + spent.Stime.Nano())
	return used, nil
}

// resident is how many bytes of this process are in memory (proc(5), statm).
func resident() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("what is resident is only known on Linux: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/self/statm is %q", text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
