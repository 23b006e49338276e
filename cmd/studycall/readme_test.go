package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/studycall/studycall/postgres/postgrestest"
)

// TestTheReadmesSession runs what the README tells a newcomer to paste, in a shell, against the program as it starts with
// nothing recorded yet, and compares every answer with the specification's.
func TestTheReadmesSession(t *testing.T) {
	t.Parallel()
	server := startProcess(t, "--database-url", postgrestest.NewURL(t), "--listen=127.0.0.1:0")
	script := readmeBlock(t, "API=")
	script = strings.ReplaceAll(script, "http://127.0.0.1:8080", server.address)
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
