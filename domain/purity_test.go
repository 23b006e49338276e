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

// pure are the packages that domain may import: none has I/O, randomness, or an order that differs from run to run.
var pure = []string{"cmp", "errors", "maps", "slices", "strings", "time"}

// clocks are the functions of package time that read a clock or wait for one.
var clocks = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTicker", "NewTimer"}

// The same events must always fold to the same state, so domain must not depend on anything but its input.
func TestTheDomainIsPure(t *testing.T) {
	t.Parallel()
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		checked++
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
				if qualifier, ok := n.X.(*ast.Ident); ok && qualifier.Name == "time" && slices.Contains(clocks, n.Sel.Name) {
					t.Errorf("%s uses time.%s", name, n.Sel.Name)
				}
			case *ast.GoStmt, *ast.SelectStmt:
				t.Errorf("%s is concurrent", name)
			}
			return true
		})
	}
	if checked == 0 {
		t.Error("found no source file")
	}
}
