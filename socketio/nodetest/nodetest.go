// Package nodetest runs scripts with the npm packages of Socket.IO, for tests. Only tests may import it.
package nodetest

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Process is a running script. It ends with the test.
type Process struct {
	tb    testing.TB
	input io.WriteCloser
	lines *bufio.Scanner
	ended func() error
}

// Start runs a script of the folder, the path of testdata/npm from the test. If the npm packages are not installed there, it skips the
// test. If the variable CI is "true", it installs them in a folder of its own instead, so that CI skips no test.
func Start(tb testing.TB, folder, script string, args ...string) *Process {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 2*time.Minute)
	tb.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, args...)...) //nolint:gosec // a script of this repository
	cmd.Dir, cmd.Stderr = installed(tb, folder), tb.Output()
	input, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 4<<20)
	p := &Process{tb, input, lines, cmd.Wait}
	tb.Cleanup(func() {
		_ = input.Close()
		cancel()
		_ = p.ended()
	})
	return p
}

// Send writes a value to the script, as a line of JSON.
func (p *Process) Send(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = p.input.Write(append(text, '\n'))
	return err
}

// Next decodes the next line that the script prints into value.
func (p *Process) Next(value any) {
	p.tb.Helper()
	if !p.lines.Scan() {
		p.tb.Fatalf("the script ended: %v, %v", p.lines.Err(), p.ended())
	}
	if err := json.Unmarshal(p.lines.Bytes(), value); err != nil {
		p.tb.Fatalf("%s: %v", p.lines.Bytes(), err)
	}
}

// installed returns a folder with the scripts and the installed packages.
func installed(tb testing.TB, folder string) string {
	tb.Helper()
	_, noNode := exec.LookPath("node")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "socket.io-client")); err == nil && noNode == nil {
		return folder
	}
	if os.Getenv("CI") != "true" {
		tb.Skip("the npm packages are not installed; run npm ci in socketio/testdata/npm")
	}
	fresh := tb.TempDir()
	for _, pattern := range []string{"*.mjs", "package*.json", ".npmrc"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(files) == 0 {
			tb.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file) //nolint:gosec // in a folder of this repository
			if err != nil {
				tb.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(fresh, filepath.Base(file)), text, 0o600); err != nil { //nolint:gosec // as above
				tb.Fatal(err)
			}
		}
	}
	install := exec.CommandContext(tb.Context(), "npm", "ci")
	install.Dir = fresh
	if output, err := install.CombinedOutput(); err != nil {
		tb.Fatalf("npm ci: %v\n%s", err, output)
	}
	return fresh
}
