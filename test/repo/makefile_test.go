package repo

import (
	"go/ast"
	"go/build/constraint"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// makefile is the Makefile's text.
func makefile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// variable gives the words of a variable of the Makefile, which commas separate too.
func variable(t *testing.T, name string) []string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + `\s*=\s*(.*)$`).FindStringSubmatch(makefile(t))
	if found == nil {
		t.Fatalf("the Makefile has no variable %s", name)
	}
	return strings.FieldsFunc(found[1], func(r rune) bool { return r == ' ' || r == ',' })
}

// TestPhony: every target is phony, as none is named after the file that it makes, and each is explained.
func TestPhony(t *testing.T) {
	text := makefile(t)
	phony := strings.Fields(regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindStringSubmatch(text)[1])
	var targets []string
	for _, found := range regexp.MustCompile(`(?m)^([a-z0-9-]+):([^=\n].*|)$`).FindAllStringSubmatch(text, -1) {
		targets = append(targets, found[1])
		if !strings.Contains(found[2], "## ") {
			t.Errorf("target %s: say behind ## what it does", found[1])
		}
	}
	slices.Sort(phony)
	slices.Sort(targets)
	if !slices.Equal(phony, targets) {
		t.Errorf(".PHONY has %q, the targets are %q", phony, targets)
	}
}

// TestBuildTags: the linters and deadcode see every file, whatever its build tag. The race detector's tag comes by itself;
// manpages, with which a program is another one, has a run of its own.
func TestBuildTags(t *testing.T) {
	found := map[string]bool{}
	for _, src := range sources(t) {
		for _, group := range src.ast.Comments {
			for _, c := range group.List {
				expr, err := constraint.Parse(c.Text)
				if err != nil || c.Pos() > src.ast.Package {
					continue
				}
				expr.Eval(func(tag string) bool {
					found[tag] = tag != "race" && tag != "linux" && tag != "manpages"
					return true
				})
			}
		}
	}
	maps.DeleteFunc(found, func(_ string, ours bool) bool { return !ours })
	want := slices.Sorted(maps.Keys(found))
	if got := slices.Sorted(slices.Values(variable(t, "TAGS"))); !slices.Equal(got, want) {
		t.Errorf("Makefile: TAGS has %q, the files have %q", got, want)
	}
	text, err := os.ReadFile(filepath.Join(root(t), ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var cfg struct {
		Run struct {
			Tags []string `yaml:"build-tags"`
		}
	}
	if err := yaml.Unmarshal(text, &cfg); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(slices.Values(cfg.Run.Tags)); !slices.Equal(got, want) {
		t.Errorf(".golangci.yml: build-tags has %q, the files have %q", got, want)
	}
}

// TestConcurrent: `make race` runs every package that starts a goroutine or locks something. What the programs themselves start is run
// by scripts, as processes.
func TestConcurrent(t *testing.T) {
	trees := variable(t, "CONCURRENT")
	for _, src := range sources(t) {
		if src.isTest() || below(src.dir(), "cmd") || slices.ContainsFunc(variable(t, "FORTESTS"), func(tree string) bool { return below(src.dir(), tree) }) {
			continue
		}
		if slices.ContainsFunc(trees, func(tree string) bool {
			return below(src.dir(), strings.TrimPrefix(strings.TrimSuffix(tree, "/..."), "./"))
		}) {
			continue
		}
		if slices.ContainsFunc(src.imports, func(name string) bool { return below(name, "sync") }) {
			t.Errorf("%s uses sync and is not among CONCURRENT in the Makefile, which make race runs", src.path)
		}
		ast.Inspect(src.ast, func(n ast.Node) bool {
			if statement, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s starts a goroutine and is not among CONCURRENT in the Makefile, which make race runs", src.at(statement))
			}
			return true
		})
	}
}

// TestPlain: of a package that `make test` runs without the race detector, either nothing starts a goroutine, or some tests run with it
// too; and `make race` has all of it.
func TestPlain(t *testing.T) {
	raced := strings.Split(strings.Join(variable(t, "RACED"), ""), "|")
	concurrent := variable(t, "CONCURRENT")
	for _, pkg := range variable(t, "PLAIN") {
		dir := strings.TrimPrefix(pkg, "./")
		if !slices.ContainsFunc(concurrent, func(tree string) bool {
			return below(dir, strings.TrimPrefix(strings.TrimSuffix(tree, "/..."), "./"))
		}) {
			t.Errorf("%s is in PLAIN of the Makefile and not below any of CONCURRENT", pkg)
		}
		started := 0
		var tests []string
		for _, src := range sources(t) {
			if src.dir() != dir {
				continue
			}
			ast.Inspect(src.ast, func(n ast.Node) bool {
				if _, ok := n.(*ast.GoStmt); ok {
					started++
				}
				return true
			})
			for _, decl := range src.ast.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
					tests = append(tests, f.Name.Name)
				}
			}
		}
		if len(tests) == 0 {
			t.Errorf("%s is in PLAIN of the Makefile and has no test", pkg)
		}
		if started == 0 {
			continue
		}
		for _, name := range raced {
			if !slices.Contains(tests, name) {
				t.Errorf("RACED in the Makefile has %s, which %s has not", name, pkg)
			}
		}
	}
}
