package studycall_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentsNameExistingCode checks each `folder/file.go` in the documents, and the names that follow it, as in
// `eventstore/append.go` `Store.Append`: the file exists and declares them.
func TestDocumentsNameExistingCode(t *testing.T) {
	t.Parallel()
	reference := regexp.MustCompile("`([a-z/]+/\\w+\\.(?:go|sql))`((?:(?: |, | \\| )`[\\w.]+`)*)")
	checked := 0
	for _, document := range append(documents(t), "README.md") {
		for _, found := range reference.FindAllStringSubmatch(read(t, document), -1) {
			checked++
			code, err := os.ReadFile(found[1])
			if err != nil {
				t.Errorf("%s names a file that does not exist: %v", document, err)
				continue
			}
			for _, name := range regexp.MustCompile(`[\w.]+`).FindAllString(found[2], -1) {
				if !declares(string(code), name) {
					t.Errorf("%s: %s does not declare %s", document, found[1], name)
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d references to files are found", checked)
	}
}

// declares reports whether Go or SQL text declares a name: a function, a type, a value, a field, or Type.Method.
func declares(code, name string) bool {
	pattern := `(?m)^(func (\([^)]*\) )?|type |var |const |\t|create (function|table) )` + name + `\b`
	if receiver, method, ok := strings.Cut(name, "."); ok {
		pattern = `(?m)^func \((\w+ )?\*?` + receiver + `(\[[\w, ]+\])?\) ` + method + `\b`
	}
	return regexp.MustCompile(pattern).MatchString(code)
}

// documents lists the Markdown files below docs/.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"docs/*.md", "docs/adr/*.md", "docs/how-to/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}
