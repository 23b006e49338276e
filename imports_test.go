package studycall_test

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/studycall/studycall"

// longest is how many lines a file may have.
const longest = 500

// imports is the table of architecture.md: what of ours a folder may import. Folders below one that is named here
// belong to it, and may import one another.
func imports() map[string][]string {
	all := []string{"domain", "eventstore", "commands", "projections", "membership", "auth"}
	return map[string][]string{
		"domain":      nil,
		"eventstore":  {"domain", "postgres"},
		"commands":    {"domain", "eventstore"},
		"projections": {"domain", "eventstore", "postgres"},
		"membership":  {"domain", "postgres"},
		"auth":        nil,
		"httpapi":     append(all, "postgres", "language"),
		"realtime":    {"domain", "eventstore", "commands", "membership", "auth", "postgres", "language"},
		"language":    {"domain"},
		"migrations":  nil,
		"seed":        {"domain"},
		"web":         nil,
		"cmd/studycall": append(all, "httpapi", "realtime", "seed", "web", "migrations", "postgres",
			"postgres/embedded"),
		"postgres":              {"migrations"},
		"postgres/embedded":     nil,
		"postgres/postgrestest": {"migrations", "postgres", "postgres/embedded"},
	}
}

// source is a Go file of ours.
type source struct {
	name, folder string
	test         bool
	lines        int
	syntax       *ast.File
}

func TestWhoImportsWhom(t *testing.T) {
	t.Parallel()
	table := imports()
	for _, file := range sources(t) {
		if file.test {
			continue
		}
		from := row(table, file.folder)
		if from == "" {
			t.Errorf("%s: the folder is not in the table of who may import whom", file.name)
			continue
		}
		for _, imported := range ours(file) {
			to := row(table, imported)
			if to == "" || to != from && !slices.Contains(table[from], to) {
				t.Errorf("%s: %s may not import %s", file.name, from, imported)
			}
		}
	}
}

// The helpers of tests may be used by tests alone, and only they start a Postgres of their own.
func TestWhatOnlyTestsImport(t *testing.T) {
	t.Parallel()
	for _, file := range sources(t) {
		for _, imported := range ours(file) {
			switch {
			case imported == "postgres/postgrestest" && !file.test:
				t.Errorf("%s imports %s, which is for tests", file.name, imported)
			case imported == "postgres/embedded" && file.test && !strings.HasPrefix(file.folder, "postgres") &&
				!strings.HasPrefix(file.folder, "cmd"):
				t.Errorf("%s imports %s: use postgrestest", file.name, imported)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, file := range sources(t) {
		if !file.test {
			doc := strings.TrimSpace(file.syntax.Doc.Text())
			documented[file.folder] = documented[file.folder] || doc != ""
		}
	}
	for folder, is := range documented {
		if !is {
			t.Errorf("package %s has no comment that says what may be in it and what not", folder)
		}
	}
}

func TestNamesOfPackagesMeanSomething(t *testing.T) {
	t.Parallel()
	for _, file := range sources(t) {
		name := strings.TrimSuffix(file.syntax.Name.Name, "_test")
		for _, empty := range []string{"util", "utils", "common", "helper", "helpers", "manager", "misc", "shared", "base"} {
			if name == empty {
				t.Errorf("%s: package %s could hold anything", file.name, name)
			}
		}
	}
}

func TestNoFileIsTooLong(t *testing.T) {
	t.Parallel()
	for _, file := range sources(t) {
		if file.lines > longest {
			t.Errorf("%s has %d lines, more than %d", file.name, file.lines, longest)
		}
	}
}

// row is the folder of the table that a folder belongs to, "" if none.
func row(table map[string][]string, folder string) string {
	for ; folder != "."; folder = path.Dir(folder) {
		if _, ok := table[folder]; ok {
			return folder
		}
	}
	return ""
}

// ours are the folders of this module that a file imports.
func ours(file source) []string {
	var result []string
	for _, spec := range file.syntax.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			if folder, ok := strings.CutPrefix(imported, module+"/"); ok {
				result = append(result, folder)
			}
		}
	}
	return result
}

// sources reads every Go file of the module, up to the end of its imports.
func sources(t *testing.T) []source {
	t.Helper()
	var result []source
	root := os.DirFS(".")
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // gone since it was listed
		case err != nil:
			return err
		case entry.IsDir():
			return enter(root, name)
		case path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		result = append(result, source{
			name: name, folder: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
			lines: bytes.Count(text, []byte("\n")), syntax: syntax,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(result) < 10 {
		t.Fatalf("found %d files: is this still the root of the module?", len(result))
	}
	return result
}

// enter leaves out the folders that hold no code of this module.
func enter(root fs.FS, folder string) error {
	name := path.Base(folder)
	if folder != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" ||
		name == "node_modules") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(root, path.Join(folder, "go.mod")); err == nil && folder != "." {
		return fs.SkipDir
	}
	return nil
}
