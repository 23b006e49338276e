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

// The README's session works in a shell against a new program: every answer is the expected one.
func TestTheReadmesSession(t *testing.T) {
	t.Parallel()
	runReadmeSession(t, startProcess(t, "--database-url", postgrestest.NewURL(t), "--listen=127.0.0.1:0").address)
}

// The README's session works on the embedded Postgres. Other commands work beside the program, a second program on the same data
// is refused, and a restart finds the recorded events.
func TestTheReadmesSessionOnTheEmbeddedPostgres(t *testing.T) {
	t.Parallel()
	skipInShort(t, "15 s")
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil { // the user that Postgres runs as needs access
		t.Fatal(err)
	}
	database := []string{"--database-url=", "--data-dir=" + filepath.Join(folder, "data")}
	toServe := append([]string{"--listen=127.0.0.1:0"}, database...)
	t.Cleanup(func() {
		if t.Failed() { // a killed program leaves its Postgres running; the next command stops it
			run(context.Background(), append([]string{"migrate"}, database...), io.Discard, io.Discard)
		}
	})

	first := startProcess(t, toServe...)
	runReadmeSession(t, first.address)
	started, err := call(t.Context(), newClient(t), first.address, http.MethodPost, "study-123", "start", "user-456", "")
	if err != nil || started.Status != http.StatusCreated {
		t.Fatalf("%d %s (%v)", started.Status, started.Raw, err)
	}

	if got := printed(t, database...); len(got) != 5 || got[4] != "5 study-123 5" {
		t.Errorf("events beside the program prints %q", got)
	}
	check.Eventually(t, "projections beside the program shows four live projections", func() bool {
		_, table, _ := studycall(t, append([]string{"projections"}, database...)...)
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
		t.Errorf("the open session is missing: %d %s (%v)", status.Status, status.Raw, err)
	}
	if code := second.terminate(t); code != exitOK {
		t.Errorf("exit %d after SIGTERM", code)
	}
}

// runReadmeSession runs the README's block in a shell, and compares every answer.
func runReadmeSession(t *testing.T, address string) {
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
		t.Errorf("the answers of the README's session are\n%s\nwant\n%s", got, want)
	}
}

// readmeBlock returns the README's shell block that contains the text.
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

// anonymous replaces the parts that differ between runs: ids by their order of appearance, times, and the duration of the
// session.
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
