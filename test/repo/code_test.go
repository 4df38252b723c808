package repo

import (
	"go/ast"
	"go/token"
	"slices"
	"testing"
)

// fieldMethods are the methods of zerolog's Event and Context that take a field's name and its value.
var fieldMethods = []string{
	"AnErr", "Any", "Array", "Bool", "Bools", "Bytes", "Dict", "Dur", "Durs", "Errs", "Fields", "Float32", "Float64", "Floats64",
	"Func", "Hex", "Int", "Int8", "Int16", "Int32", "Int64", "Ints", "Interface", "IPAddr", "IPPrefix", "MACAddr", "Object",
	"RawCBOR", "RawJSON", "Str", "Strs", "Stringer", "Stringers", "Time", "TimeDiff", "Times", "Type", "Uint", "Uint8", "Uint16",
	"Uint32", "Uint64", "Uints",
}

// TestLogFields: the names of log fields are the constants of internal/base/logfield, so that each is spelt one way.
func TestLogFields(t *testing.T) {
	seen := 0
	for _, src := range sources(t) {
		if src.isTest() || !slices.ContainsFunc(src.imports, func(name string) bool { return below(name, "github.com/rs/zerolog") }) {
			continue
		}
		src.calls(func(call *ast.CallExpr, sel *ast.SelectorExpr) {
			if !slices.Contains(fieldMethods, sel.Sel.Name) || len(call.Args) < 2 {
				return
			}
			name, ok := call.Args[0].(*ast.SelectorExpr)
			if ok && isName(name.X, "logfield") {
				seen++
				return
			}
			if lit, ok := call.Args[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				t.Errorf("%s: log field %s: use a constant of internal/base/logfield", src.at(call), lit.Value)
			}
		})
	}
	if seen == 0 {
		t.Error("no log field is named by a constant of internal/base/logfield: this test no longer knows how the code logs")
	}
}

// TestLogMessages: messages are constant, what varies is in fields.
func TestLogMessages(t *testing.T) {
	for _, src := range sources(t) {
		if src.isTest() || !slices.ContainsFunc(src.imports, func(name string) bool { return below(name, "github.com/rs/zerolog") }) {
			continue
		}
		src.calls(func(call *ast.CallExpr, sel *ast.SelectorExpr) {
			if sel.Sel.Name != "Msg" || len(call.Args) != 1 {
				return
			}
			// A name may stand for a constant that the caller chose.
			switch call.Args[0].(type) {
			case *ast.BasicLit, *ast.Ident:
			default:
				t.Errorf("%s: want a constant message, with what varies in fields", src.at(call))
			}
		})
	}
}

// TestNoSleep: nothing waits a fixed time. Tests, and what stands below test/, may in files that import testing/synctest: the time
// that they let pass is virtual, costs nothing and is the same on every machine. The linter, which does not see imports, leaves tests to this.
func TestNoSleep(t *testing.T) {
	for _, src := range sources(t) {
		if (src.isTest() || below(src.dir(), "test")) && slices.Contains(src.imports, "testing/synctest") {
			continue
		}
		src.calls(func(call *ast.CallExpr, sel *ast.SelectorExpr) {
			if isName(sel.X, "time") && sel.Sel.Name == "Sleep" {
				t.Errorf("%s: wait for what you are waiting for, or use testing/synctest, in this file", src.at(call))
			}
		})
	}
}

// TestPureClock: the pure packages are given the time.
func TestPureClock(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, src := range sources(t) {
		if src.isTest() || !slices.Contains(pure, src.dir()) {
			continue
		}
		src.calls(func(call *ast.CallExpr, sel *ast.SelectorExpr) {
			if isName(sel.X, "time") && slices.Contains(clock, sel.Sel.Name) {
				t.Errorf("%s: a pure package reads no clock", src.at(call))
			}
		})
	}
}

// mayskip are the files whose tests may skip themselves, each with what is not tested then. A skipped test looks green.
var mayskip = map[string]string{
	"gossip/transport/packets_test.go": "on a host without IPv6: that a transport bound to all addresses takes packets over IPv6 too",
}

// TestSkips: no test skips itself without standing in the list, and the list holds nothing that does not. The Skip of
// rapid.T is another thing: it draws again.
func TestSkips(t *testing.T) {
	found := map[string]bool{}
	for _, src := range sources(t) {
		if !src.isTest() || src.dir() == "test/repo" {
			continue
		}
		redraws := rapidNames(src)
		src.calls(func(call *ast.CallExpr, sel *ast.SelectorExpr) {
			id, ok := sel.X.(*ast.Ident)
			if !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) || ok && redraws.cover(id) {
				return
			}
			found[src.path] = true
			if mayskip[src.path] == "" {
				t.Errorf("%s: a skipped test looks green; make it run, or give the reason in mayskip", src.at(call))
			}
		})
	}
	for path := range mayskip {
		if !found[path] {
			t.Errorf("%s: does not skip any more; take it out of mayskip", path)
		}
	}
}

// names are parameters, with the functions whose bodies they are known in.
type names []struct {
	name string
	body ast.Node
}

// rapidNames gives the parameters of type *rapid.T.
func rapidNames(src *source) names {
	var all names
	ast.Inspect(src.ast, func(n ast.Node) bool {
		var kind *ast.FuncType
		switch fn := n.(type) {
		case *ast.FuncDecl:
			kind = fn.Type
		case *ast.FuncLit:
			kind = fn.Type
		default:
			return true
		}
		for _, field := range kind.Params.List {
			star, ok := field.Type.(*ast.StarExpr)
			if !ok {
				continue
			}
			if sel, ok := star.X.(*ast.SelectorExpr); !ok || !isName(sel.X, "rapid") {
				continue
			}
			for _, id := range field.Names {
				all = append(all, struct {
					name string
					body ast.Node
				}{id.Name, n})
			}
		}
		return true
	})
	return all
}

// cover reports whether id is one of the names, inside its function.
func (n names) cover(id *ast.Ident) bool {
	for _, known := range n {
		if known.name == id.Name && known.body.Pos() <= id.Pos() && id.Pos() < known.body.End() {
			return true
		}
	}
	return false
}

// TestNoInit: nothing happens before main.
func TestNoInit(t *testing.T) {
	for _, src := range sources(t) {
		for _, decl := range src.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: no init functions; make what is needed in New or main", src.at(fn))
			}
		}
	}
}
