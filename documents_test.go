package studycall_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTaskRunsTheDocumentedBenchmarks: the commands that docs/benchmarks.md gives for its figures are those of `task bench`.
func TestTaskRunsTheDocumentedBenchmarks(t *testing.T) {
	t.Parallel()
	tasks := read(t, "Taskfile.yml")
	commands := regexp.MustCompile("(?m)^`(go test .*)`$").FindAllStringSubmatch(read(t, "docs/benchmarks.md"), -1)
	if len(commands) < 6 {
		t.Fatalf("only %d commands are found", len(commands))
	}
	for _, command := range commands {
		if !strings.Contains(tasks, "- "+command[1]+"\n") {
			t.Errorf("Taskfile.yml does not run %s", command[1])
		}
	}
}

// TestLinksInTheDocumentsLeadSomewhere: those to files of the repository.
func TestLinksInTheDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range append(documents, "README.md", "docs/adr/README.md") {
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(read(t, document), -1) {
			if _, err := os.Stat(path.Join(path.Dir(document), link[1])); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
