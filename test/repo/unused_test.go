package repo

import (
	"go/ast"
	"slices"
	"testing"
)

// TestExportedUsed: an exported constant, variable or type is named by something that is not a test. Functions and methods are `make
// lint`'s, which follows calls. A name counts wherever it stands, so this finds too little and never too much.
func TestExportedUsed(t *testing.T) {
	type decl struct {
		src  *source
		name *ast.Ident
	}
	var declared []decl
	used := map[string]int{}
	forTests := variable(t, "FORTESTS")
	for _, src := range sources(t) {
		if src.isTest() || slices.ContainsFunc(forTests, func(tree string) bool { return below(src.dir(), tree) }) {
			continue
		}
		ast.Inspect(src.ast, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				used[id.Name]++
			}
			return true
		})
		for _, d := range src.ast.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					declared = append(declared, decl{src, spec.Name})
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						declared = append(declared, decl{src, name})
					}
				}
			}
		}
	}
	times := map[string]int{}
	for _, d := range declared {
		times[d.name.Name]++
	}
	for _, d := range declared {
		if d.name.IsExported() && used[d.name.Name] == times[d.name.Name] {
			t.Errorf("%s: nothing but tests names %s: use it, move it to the test, or take it out", d.src.at(d.name), d.name.Name)
		}
	}
}
