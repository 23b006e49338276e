package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/studycall/studycall/bench/fanout"
)

// The benchmark runs with small numbers. It checks every delivery itself.
func TestBenchFanout(t *testing.T) {
	t.Parallel()
	skipInShort(t, "15 s")
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil { // the user that Postgres runs as needs access
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "bench", "fanout",
		"--rooms=2", "--peers=3", "--rounds=1", "--each=100ms", "--json")
	// Variables that configure a server must not reach the measured servers.
	command.Env = append(os.Environ(), asProgram+"=yes", "TMPDIR="+folder,
		"DATABASE_URL=postgres://127.0.0.1:1/none", "NEXTAUTH_SECRET=of-production", "STUDYCALL_LISTEN=127.0.0.1:1")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var results []fanout.Result
	if err := json.Unmarshal(out, &results); err != nil || len(results) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	got := results[0]
	if got.Shape != (fanout.Shape{Rooms: 2, Peers: 3}) || len(got.Loads) != len(fanout.Loads()) || got.Memory.InRoom == 0 {
		t.Errorf("got %s", out)
	}
	for name, perMessage := range map[string]int64{"relay": 1, "speaking": 2, "toggles": 2} {
		for _, burst := range fanout.Bursts() {
			l, turn := got.Load(name, burst), int64(6*burst) // all members send
			if l == nil || len(l.Rounds) != 1 || !(l.Bare > 0) || !(l.Program > 0) || !(l.Ratio > 0) {
				t.Fatalf("%s in bursts of %d: %+v", name, burst, l)
			}
			bare, program := l.Rounds[0].Bare, l.Rounds[0].Program
			if bare.Sent < turn || program.Sent < turn || bare.Deliveries != bare.Sent*perMessage ||
				program.Deliveries != program.Sent*perMessage || l.Deliveries != bare.Deliveries+program.Deliveries {
				t.Errorf("%s in bursts of %d: %+v", name, burst, l)
			}
		}
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("remaining files %v: %v", left, err)
	}
	var table strings.Builder
	bench := benchFanoutCommand{Rounds: 1}
	if err := bench.print(&table, results); err != nil || !strings.Contains(table.String(), "2 rooms of 3") ||
		strings.Count(table.String(), "\n") != 5+len(fanout.Loads())+len(fanout.Bursts()) {
		t.Errorf("the table is\n%s%v", table.String(), err)
	}
}

func TestBenchHelp(t *testing.T) {
	t.Parallel()
	code, help, _ := studycall(t, "bench", "--help")
	if code != exitOK || !strings.Contains(help, "fanout") || strings.Contains(help, "bench bare") || strings.Contains(help, "bench program") {
		t.Errorf("exit %d:\n%s", code, help)
	}
	code, help, _ = studycall(t, "bench", "fanout", "--help")
	if flags, variables := strings.Count(help, "  --"), strings.Count(help, "$"); code != exitOK || flags == 0 || flags != variables {
		t.Errorf("exit %d, %d flags, %d variables:\n%s", code, flags, variables, help)
	}
}

func TestBenchFanoutRejectsInvalidFlags(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--rooms=2":            "and --peers go together",
		"--rooms=2 --peers=1":  "--peers (STUDYCALL_PEERS) must be",
		"--rooms=-1 --peers=2": "--rooms (STUDYCALL_ROOMS) must be",
		"--rounds=0":           "--rounds (STUDYCALL_ROUNDS) must be",
		"--each=0s":            "--each (STUDYCALL_EACH) must be",
	} {
		code, _, stderr := studycall(t, append([]string{"bench", "fanout"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q", args, code, stderr)
		}
	}
}
