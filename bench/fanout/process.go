package fanout

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"syscall"
	"time"
)

// stopTimeout is how long a server's process may take to end.
const stopTimeout = 15 * time.Second

// The questions to a server's process, one per line.
const (
	askCPU    = "cpu"
	askMemory = "memory" // after a garbage collection
)

// usage is what a process has used.
type usage struct {
	CPU    time.Duration `json:"cpu"`    // since its start, user and system
	Memory int64         `json:"memory"` // resident bytes; 0 unless asked for
}

// Process is a server in a process of its own, which calls Report.
type Process struct {
	command *exec.Cmd
	address string
	ask     io.WriteCloser
	answers *json.Decoder
	stderr  bytes.Buffer
}

// Start starts a server's process and waits until it serves. The command's context should not end before Stop.
func Start(command *exec.Cmd) (*Process, error) {
	p := &Process{command: command}
	command.Stderr = &p.stderr
	command.WaitDelay = stopTimeout
	var err error
	if p.ask, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = json.NewDecoder(answers)
	if err := command.Start(); err != nil {
		return nil, err
	}
	if err := p.answers.Decode(&p.address); err != nil {
		p.Stop()
		return nil, fmt.Errorf("start %s: %w; its standard error: %s", command, err, &p.stderr)
	}
	return p, nil
}

// Stop ends the process and waits for its end.
func (p *Process) Stop() {
	_ = p.ask.Close()
	kill := time.AfterFunc(stopTimeout, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	_ = p.command.Wait() // the measurement is over, so the exit status does not matter
}

// used asks the process for its usage.
func (p *Process) used(question string) (usage, error) {
	var used usage
	if _, err := io.WriteString(p.ask, question+"\n"); err != nil {
		return used, err
	}
	if err := p.answers.Decode(&used); err != nil {
		return used, fmt.Errorf("read the usage of the server's process: %w", err)
	}
	return used, nil
}

// Report writes the address of this process's server to out, and answers questions on in with the usage of this process, until in
// ends, which it does when the parent process ends.
func Report(address string, in io.Reader, out io.Writer) error {
	encoder := json.NewEncoder(out)
	if err := encoder.Encode(address); err != nil {
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
		debug.FreeOSMemory() // buffers in pools survive one collection
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

// resident is the resident memory of this process in bytes (proc(5), statm).
func resident() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("resident memory can be read on Linux only: %w", err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0, fmt.Errorf("/proc/self/statm is %q: %w", text, err)
	}
	return pages * int64(os.Getpagesize()), nil
}
