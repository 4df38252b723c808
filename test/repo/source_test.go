package repo

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the root module's path.
const module = "github.com/daemonsetd/daemonsetd"

// source is a parsed Go file.
type source struct {
	// path is relative to the repository's root, with slashes.
	path    string
	ast     *ast.File
	fset    *token.FileSet
	imports []string
}

func (s *source) dir() string  { return path.Dir(s.path) }
func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// at gives a node's place as path:line.
func (s *source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// root is the repository's root.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("want the repository's root: %v", err)
	}
	return dir
}

// files gives the path, relative to the root, of every file that is not built or Git's.
func files(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := fs.WalkDir(os.DirFS(root(t)), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "dist"}, path) {
			return fs.SkipDir
		}
		if entry.Type().IsRegular() {
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// sources parses every Go file, those of the other modules too.
func sources(t *testing.T) []*source {
	t.Helper()
	dir := root(t)
	var all []*source
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") || strings.Contains(file, "/testdata/") {
			continue
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, filepath.Join(dir, file), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		src := &source{path: file, ast: tree, fset: fset}
		for _, spec := range tree.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			src.imports = append(src.imports, name)
		}
		all = append(all, src)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: this looks at the wrong directory", len(all))
	}
	return all
}

// calls gives f every call of the file whose function is a selector, such as x.Name(...).
func (s *source) calls(f func(call *ast.CallExpr, sel *ast.SelectorExpr)) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
				f(call, sel)
			}
		}
		return true
	})
}

// isName reports whether an expression is that identifier.
func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}
