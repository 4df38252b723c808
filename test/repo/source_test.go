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
	"sync"
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
	paths, err := listed()
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// sources gives every Go file, those of the other modules too. No test changes what it gets: all get the same.
func sources(t *testing.T) []*source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: this looks at the wrong directory", len(all))
	}
	return all
}

// The tree is listed and parsed once for all tests, which costs seconds under the race detector.
var (
	listed = sync.OnceValues(list)
	parsed = sync.OnceValues(parse)
)

// above is the repository's root as tests see it, which run in their package's directory.
const above = "../.."

func list() (paths []string, err error) {
	err = fs.WalkDir(os.DirFS(above), ".", func(path string, entry fs.DirEntry, err error) error {
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
	return paths, err
}

func parse() ([]*source, error) {
	paths, err := listed()
	if err != nil {
		return nil, err
	}
	var all []*source
	for _, file := range paths {
		if !strings.HasSuffix(file, ".go") || strings.Contains(file, "/testdata/") {
			continue
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, filepath.Join(above, file), nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		src := &source{path: file, ast: tree, fset: fset}
		for _, spec := range tree.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, err
			}
			src.imports = append(src.imports, name)
		}
		all = append(all, src)
	}
	return all, nil
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
