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
	"strconv"
	"strings"
	"sync"
	"testing"
)

// source is a Go file of this module.
type source struct {
	name, folder string
	test         bool
	lines        int
	syntax       *ast.File
}

// moduleImports returns the folders of this module that a file imports.
func moduleImports(file source) []string {
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

// sources returns every Go file of the module. The files are read once.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := readSources()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d files: is this still the root of the module?", len(all))
	}
	return all
}

var readSources = sync.OnceValues(func() ([]source, error) {
	var result []source
	root := os.DirFS(".")
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // deleted since it was listed
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
		syntax, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		result = append(result, source{
			name: name, folder: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
			lines: bytes.Count(text, []byte("\n")), syntax: syntax,
		})
		return nil
	})
	return result, err
})

// enter skips folders that have no code of this module.
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
