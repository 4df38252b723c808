package repo

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/health"
)

// reference is a page of docs/reference, which name what an operator's alerts are made from.
func reference(t *testing.T, page string) string {
	t.Helper()
	docs, err := os.ReadFile(filepath.Join(root(t), "docs", "reference", page))
	if err != nil {
		t.Fatal(err)
	}
	return string(docs)
}

// TestHealthDocs: docs/reference/health.md has a row for every problem that the agent can report, with its severity, and no other.
func TestHealthDocs(t *testing.T) {
	var want []string
	for _, c := range health.Codes() {
		want = append(want, "| `"+c.String()+"` | "+c.Severity()+" |")
	}
	got := regexp.MustCompile("(?m)^\\| `[A-Za-z]+` \\| [a-z]+ \\|").FindAllString(reference(t, "health.md"), -1)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/reference/health.md differs from agent/health/codes.go (-codes +docs):\n%s", diff)
	}
}

// TestHealthCodes: every code is reported by somebody, under the name of its constant, and with what its remedy leaves open.
func TestHealthCodes(t *testing.T) {
	codes := map[string]health.Code{}
	for _, c := range health.Codes() {
		codes[c.String()] = c
	}
	// before is how many arguments come before what a remedy leaves open; Clear takes nothing for it.
	before := map[string]int{"Report": 2, "When": 3, "Clear": -1, "Objects": 2, "Files": 2}
	reported := map[string]bool{}
	for _, src := range sources(t) {
		if src.isTest() || !below(src.dir(), "agent") || below(src.dir(), "agent/health") {
			continue
		}
		src.calls(func(call *ast.CallExpr, sel *ast.SelectorExpr) {
			n, ok := before[sel.Sel.Name]
			if !ok {
				return
			}
			for i, arg := range call.Args {
				name, ok := arg.(*ast.SelectorExpr)
				if !ok || !isName(name.X, "health") {
					continue
				}
				c, ok := codes[name.Sel.Name]
				if !ok {
					t.Errorf("%s: health.%s has another name in the table than its constant", src.at(call), name.Sel.Name)
					return
				}
				if n < 0 || i != n-2 {
					return
				}
				reported[name.Sel.Name] = true
				if sel.Sel.Name == "Objects" || sel.Sel.Name == "Files" {
					return // each problem has its own remedy
				}
				if want, got := strings.Count(c.Remedy(), "%s"), len(call.Args)-n; want != got {
					t.Errorf("%s: the remedy of %s leaves %d things open, and %d are given: %q", src.at(call), c, want, got, c.Remedy())
				}
			}
		})
	}
	for name := range codes {
		if !reported[name] {
			t.Errorf("nobody reports %s: report it, or take it out of agent/health/codes.go and docs/reference/health.md", name)
		}
	}
}

// TestEventDocs: docs/reference/events.md names every reason of an event that the agent's code has written out.
func TestEventDocs(t *testing.T) {
	docs := reference(t, "events.md")
	found := 0
	for _, src := range sources(t) {
		if src.isTest() || !below(src.dir(), "agent") {
			continue
		}
		src.calls(func(call *ast.CallExpr, sel *ast.SelectorExpr) {
			at := map[string]int{"OfDaemonSet": 2, "OfNode": 1, "tell": 1}[sel.Sel.Name]
			if at == 0 || len(call.Args) <= at {
				return
			}
			lit, ok := call.Args[at].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return
			}
			found++
			word, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(docs, "`"+word+"`") {
				t.Errorf("%s: docs/reference/events.md does not name `%s`", src.at(call), word)
			}
		})
	}
	if found < 3 {
		t.Errorf("only %d found: this test no longer knows how events are recorded", found)
	}
}

// aLink matches where a Markdown link of the repository's own leads: no other site, no heading of the same page.
var aLink = regexp.MustCompile(`\]\(([^):#]+)[^):]*\)`)

// TestDocsIndex: docs/README.md links to every page below docs, and each link of a page leads to a file.
func TestDocsIndex(t *testing.T) {
	const index = "docs/README.md"
	linked := map[string]bool{index: true}
	for file, text := range guides(t) {
		for _, at := range aLink.FindAllStringSubmatchIndex(text, -1) {
			to := path.Join(path.Dir(file), text[at[2]:at[3]])
			if _, err := os.Stat(filepath.Join(root(t), to)); err != nil {
				t.Errorf("%s:%d: the link leads to %s, which is not there", file, line([]byte(text), at[2]), to)
			}
			if file == index {
				linked[to] = true
			}
		}
	}
	for file := range guides(t) {
		if below(path.Dir(file), "docs") && !linked[file] {
			t.Errorf("%s does not link to %s: add it where its readers look", index, file)
		}
	}
	if len(linked) < 10 {
		t.Errorf("only %d pages are linked: the pattern misses them", len(linked))
	}
}

// TestGlossary: the terms are in order, and none is there twice.
func TestGlossary(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "reference", "glossary.md"))
	if err != nil {
		t.Fatal(err)
	}
	var terms []string
	for row := range strings.Lines(string(text)) {
		term, _, ok := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		if ok && strings.HasPrefix(row, "| ") && term != "term" {
			terms = append(terms, strings.ToLower(term))
		}
	}
	if len(terms) < 30 {
		t.Fatalf("only %d terms found", len(terms))
	}
	for i := 1; i < len(terms); i++ {
		if terms[i-1] >= terms[i] {
			t.Errorf("%q comes after %q: want them in order, and each once", terms[i], terms[i-1])
		}
	}
}

// TestProjectDocs: the documents that users, packagers and those who find a hole look for are there, and the changelog has a place for the
// next change.
func TestProjectDocs(t *testing.T) {
	for name, sections := range map[string][]string{
		"README.md": nil, "LICENSE": nil, "ARCHITECTURE.md": nil, "CONTRIBUTING.md": nil,
		"SECURITY.md":  {"## Reporting", "## Supported versions", "## What is promised", "## What is not promised"},
		"CHANGELOG.md": {"## Unreleased"},
	} {
		text, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, section := range sections {
			if !strings.Contains(string(text), "\n"+section+"\n") {
				t.Errorf("%s: want a section %q", name, section)
			}
		}
	}
}
