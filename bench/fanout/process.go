package fanout

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// stopTimeout is how long a server's process may take to end by itself.
const stopTimeout = 15 * time.Second

// Process is a server in a process of its own, which answers with Report.
type Process struct {
	command *exec.Cmd
	address string
	ask     io.WriteCloser
	answers *bufio.Scanner
	said    bytes.Buffer // on its standard error
}

// Start starts a server's process and waits until it serves. The command's context should not end before Stop.
func Start(command *exec.Cmd) (*Process, error) {
	p := &Process{command: command}
	command.Stderr = &p.said
	command.WaitDelay = stopTimeout
	var err error
	if p.ask, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = bufio.NewScanner(answers)
	if err := command.Start(); err != nil {
		return nil, err
	}
	var first ready
	if err := p.answer(&first); err != nil {
		p.Stop()
		return nil, fmt.Errorf("start %s: %w; it said: %s", command, err, &p.said)
	}
	p.address = first.Address
	return p, nil
}

// Stop has the process end, and waits for that.
func (p *Process) Stop() {
	_ = p.ask.Close()
	end := time.AfterFunc(stopTimeout, func() { _ = p.command.Process.Kill() })
	defer end.Stop()
	_ = p.command.Wait() // it measured all that it had to, however it ended
}

// used asks what the process has used.
func (p *Process) used(question string) (usage, error) {
	var used usage
	if _, err := io.WriteString(p.ask, question+"\n"); err != nil {
		return used, err
	}
	err := p.answer(&used)
	return used, err
}

func (p *Process) answer(into any) error {
	if !p.answers.Scan() {
		if err := p.answers.Err(); err != nil {
			return err
		}
		return fmt.Errorf("the server's process ended: %w", io.ErrUnexpectedEOF)
	}
	return json.Unmarshal(p.answers.Bytes(), into)
}
