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
const longest = 400

// imports is the import table: the packages of this module that a package may import. Each package has a row of its own, also
// below another one, so that no package inherits a permission. Test files are exempt.
func imports() map[string][]string {
	core := []string{"domain", "eventstore", "commands", "presence", "projections", "membership", "auth", "language", "postgres"}
	return map[string][]string{
		// The core.
		"domain":      nil,
		"eventstore":  {"domain", "postgres", "pacing"},
		"commands":    {"domain", "eventstore"},
		"presence":    {"domain", "commands", "postgres"},
		"projections": {"domain", "eventstore", "postgres"},
		"membership":  {"domain", "postgres"},
		"auth":        nil,
		"language":    {"domain"},
		"seed":        {"domain"},
		// Libraries that know no call.
		"pacing":                nil,
		"rawjson":               nil,
		"websocket":             {"pacing"},
		"closecode":             {"websocket"},
		"socketio/engineio":     {"websocket"},
		"socketio":              {"websocket", "rawjson", "socketio/engineio"},
		"socketio/conformance":  {"websocket", "socketio", "socketio/engineio"},
		"socketio/nodetest":     nil,
		"postgres":              {"migrations"},
		"postgres/embedded":     nil,
		"postgres/postgrestest": {"migrations", "postgres", "postgres/embedded"},
		"migrations":            nil,
		// The edges.
		"api":                   {"domain", "eventstore", "membership"},
		"httpapi":               append(core, "api"),
		"feed":                  {"api", "eventstore", "websocket", "closecode"},
		"realtime":              {"api", "domain", "eventstore", "commands", "presence", "membership", "auth", "language", "feed", "socketio", "websocket", "closecode", "rawjson", "postgres"},
		"realtime/realtimetest": {"rawjson"},
		// Programs.
		"bench/fanout": {"realtime", "websocket"},
		"cmd/studycall": append(core, "api", "httpapi", "realtime", "seed", "migrations", "postgres/embedded", "bench/fanout",
			"socketio", "websocket", "feed"),
		// Tests only.
		"check": nil,
	}
}

// source is a Go file of ours.
type source struct {
	name, folder string
	test         bool
	lines        int
	syntax       *ast.File
}

func TestImportsFollowTheTable(t *testing.T) {
	t.Parallel()
	for _, file := range sources(t) {
		for _, problem := range forbidden(imports(), file) {
			t.Error(problem)
		}
	}
}

// A protocol library knows no call: the table refuses one that imports the domain.
func TestALibraryMayNotImportTheDomain(t *testing.T) {
	t.Parallel()
	const text = "package engineio\nimport _ \"" + module + "/domain\"\n"
	syntax, err := parser.ParseFile(token.NewFileSet(), "intruder.go", text, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"socketio", "socketio/engineio", "websocket", "rawjson"} {
		intruder := source{name: folder + "/intruder.go", folder: folder, syntax: syntax}
		if len(forbidden(imports(), intruder)) == 0 {
			t.Errorf("%s may import domain", folder)
		}
	}
}

// forbidden lists the imports of a file that the table does not allow.
func forbidden(table map[string][]string, file source) []string {
	if file.test {
		return nil
	}
	allowed, known := table[file.folder]
	if !known {
		return []string{file.name + ": the package has no row in the import table"}
	}
	var problems []string
	for _, imported := range ours(file) {
		if !slices.Contains(allowed, imported) {
			problems = append(problems, file.name+": "+file.folder+" may not import "+imported)
		}
	}
	return problems
}

// The helpers of tests may be used by tests alone, and only they start a Postgres of their own.
func TestWhatOnlyTestsImport(t *testing.T) {
	t.Parallel()
	for _, file := range sources(t) {
		for _, imported := range ours(file) {
			switch {
			case (imported == "postgres/postgrestest" || imported == "check") && !file.test:
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
