package domain_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the domain may import: nothing with I/O, a clock, randomness, or an order that differs from run to run.
var pure = []string{"cmp", "errors", "maps", "slices", "strings", "time"}

// What of package time reads a clock or waits for one.
var clocks = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTicker", "NewTimer"}

// The same events must always fold to the same state.
func TestTheDomainIsPure(t *testing.T) {
	t.Parallel()
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		seen++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil || !slices.Contains(pure, path) {
				t.Errorf("%s imports %s", name, spec.Path.Value)
			}
			if spec.Name != nil {
				t.Errorf("%s renames %s, which hides its use from this test", name, spec.Path.Value)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if of, ok := n.X.(*ast.Ident); ok && of.Name == "time" && slices.Contains(clocks, n.Sel.Name) {
					t.Errorf("%s uses time.%s", name, n.Sel.Name)
				}
			case *ast.GoStmt, *ast.SelectStmt:
				t.Errorf("%s is concurrent", name)
			}
			return true
		})
	}
	if seen == 0 {
		t.Error("found no source to look at")
	}
}
