package studycall_test

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The commands in docs/benchmarks.md are those of `task bench`.
func TestTaskRunsTheDocumentedBenchmarks(t *testing.T) {
	t.Parallel()
	tasks := read(t, "Taskfile.yml")
	commands := regexp.MustCompile("(?m)^`(go test .*)`$").FindAllStringSubmatch(read(t, "docs/benchmarks.md"), -1)
	if len(commands) < 6 {
		t.Fatalf("found only %d commands", len(commands))
	}
	for _, command := range commands {
		if !strings.Contains(tasks, "- "+command[1]+"\n") {
			t.Errorf("Taskfile.yml does not run %s", command[1])
		}
	}
}

func TestLinksInTheDocumentsNameExistingFiles(t *testing.T) {
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

// `task golden` covers every package that compares answers with golden files.
func TestTaskGoldenNamesTheGoldenPackages(t *testing.T) {
	t.Parallel()
	folders := map[string]bool{}
	for _, file := range sources(t) {
		if file.test && file.folder != "." && strings.Contains(read(t, file.name), `"UPDATE_GOLDEN"`) {
			folders[file.folder] = true
		}
	}
	want := "go test -count=1 ./" + strings.Join(slices.Sorted(maps.Keys(folders)), " ./") + `"`
	if !strings.Contains(read(t, "Taskfile.yml"), want) {
		t.Errorf("Taskfile.yml does not run %s", want)
	}
}

// The import table in docs/architecture.md is the one that TestImportsFollowTheTable enforces.
func TestTheDocumentedImportTableIsTheTestedOne(t *testing.T) {
	t.Parallel()
	documented := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| [^|]+ \\| ([^|]+) \\|$")
	for _, columns := range row.FindAllStringSubmatch(read(t, "docs/architecture.md"), -1) {
		documented[columns[1]] = strings.ReplaceAll(columns[2], "`", "")
	}
	for folder, allowed := range imports() {
		want := strings.Join(allowed, ", ")
		if want == "" {
			want = "–"
		}
		if got := documented[folder]; got != want {
			t.Errorf("docs/architecture.md lists for %s the imports %q, want %q", folder, got, want)
		}
		delete(documented, folder)
	}
	for folder := range documented {
		t.Errorf("docs/architecture.md has a row for %s, which the test's table lacks", folder)
	}
}
