package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// TestTheReadmesSession runs what the README tells a newcomer to paste, in a shell, against the program as it starts with
// nothing recorded yet, and compares every answer with the specification's.
func TestTheReadmesSession(t *testing.T) {
	t.Parallel()
	mustAnswerAsInTheReadme(t, startProcess(t, "--database-url", postgrestest.NewURL(t), "--listen=127.0.0.1:0").address)
}

// TestTheReadmesSessionOnAServerOfItsOwn: with no database but what the program makes in a folder, other commands work beside
// it, a second program is turned away, and the next one finds what was recorded.
func TestTheReadmesSessionOnAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	skipInShort(t, "15 s")
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil { // the user that Postgres runs as must get through
		t.Fatal(err)
	}
	there := []string{"--database-url=", "--data-dir=" + filepath.Join(folder, "data")}
	toServe := append([]string{"--listen=127.0.0.1:0"}, there...)
	t.Cleanup(func() {
		if t.Failed() { // a program that was killed leaves its server to the next user, of whom the last one stops it
			run(context.Background(), append([]string{"migrate"}, there...), io.Discard, io.Discard)
		}
	})

	first := startProcess(t, toServe...)
	mustAnswerAsInTheReadme(t, first.address)
	started, err := call(t.Context(), newClient(t), first.address, http.MethodPost, "study-123", "start", "user-456", "")
	if err != nil || started.Status != http.StatusCreated {
		t.Fatalf("%d %s (%v)", started.Status, started.Raw, err)
	}

	if got := printed(t, there...); len(got) != 5 || got[4] != "5 study-123 5" {
		t.Errorf("events beside it prints %q", got)
	}
	check.Eventually(t, "projections beside it shows four that are live", func() bool {
		_, table, _ := studycall(t, append([]string{"projections"}, there...)...)
		return strings.Count(strings.Join(strings.Fields(table), " "), " 5 5 0 live") == 4
	})
	code, stdout, stderr := studycall(t, append([]string{"serve"}, toServe...)...)
	if code != exitFailure || stdout != "" || strings.Count(stderr, "\n") != 1 ||
		!strings.Contains(stderr, fmt.Sprintf("is in use by process %d", first.cmd.Process.Pid)) {
		t.Errorf("a second program: exit %d, %q, %q", code, stdout, stderr)
	}

	if code := first.terminate(t); code != exitOK {
		t.Errorf("exit %d after SIGTERM", code)
	}
	second := startProcess(t, toServe...)
	status, err := call(t.Context(), newClient(t), second.address, http.MethodGet, "study-123", "status", "user-456", "")
	if err != nil || status.Body.Session == nil || status.Body.Session.ID != started.Body.Session.ID {
		t.Errorf("the session that was open is not there: %d %s (%v)", status.Status, status.Raw, err)
	}
	if code := second.terminate(t); code != exitOK {
		t.Errorf("exit %d after SIGTERM", code)
	}
}

// mustAnswerAsInTheReadme runs the README's block in a shell, and compares every answer.
func mustAnswerAsInTheReadme(t *testing.T, address string) {
	t.Helper()
	script := readmeBlock(t, "API=")
	script = strings.ReplaceAll(script, "http://127.0.0.1:8080", address)
	script = strings.ReplaceAll(script, "curl ", "curl -sS -w '\\n' ")

	shell := exec.Command("bash", "-euo", "pipefail", "-c", script)
	shell.Stderr = t.Output()
	out, err := shell.Output()
	if err != nil {
		t.Fatal(err)
	}

	want, err := os.ReadFile("testdata/readme-session.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := anonymous(string(out)); got != string(want) {
		t.Errorf("the README's session answers\n%s\nwant\n%s", got, want)
	}
}

// readmeBlock is the README's shell block that contains the text.
func readmeBlock(t *testing.T, text string) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		if strings.Contains(block[1], text) {
			return block[1]
		}
	}
	t.Fatalf("the README has no shell block with %q", text)
	return ""
}

// anonymous replaces what differs from run to run: ids by their order of appearance, times by their form, and how many
// seconds the session took, which is rarely more than none.
func anonymous(answers string) string {
	seen := map[string]string{}
	answers = regexp.MustCompile(`"[A-Z2-7]{26}"`).ReplaceAllStringFunc(answers, func(id string) string {
		if seen[id] == "" {
			seen[id] = `"id-` + string(rune('1'+len(seen))) + `"`
		}
		return seen[id]
	})
	answers = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`).ReplaceAllString(answers, `"TIME"`)
	return regexp.MustCompile(`"duration":\d+`).ReplaceAllString(answers, `"duration":N`)
}
