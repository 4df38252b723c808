package repo

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guides are the texts that tell people where things are.
func guides(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, file := range files(t) {
		if path.Ext(file) != ".md" || strings.HasPrefix(path.Base(file), "CHANGELOG") ||
			path.Dir(file) != "." && !below(path.Dir(file), "docs") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), file))
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	if len(texts) < 5 {
		t.Fatalf("only %d guides found: %q", len(texts), slices.Collect(maps.Keys(texts)))
	}
	return texts
}

// aPath matches a path of the repository, in the text or between backquotes, that does not go on from another one: pkg/controller
// and /etc/kubernetes/manifests are none. VERB and * stand for anything, as does <...>.
var aPath = regexp.MustCompile(`(^|[^\w/.$-])((?:\.ci|agent|cmd|docs|gossip|internal|manifests|packaging|test|tools)/[\w./*-]*[\w*])`)

// aPlaceholder is a word in capitals that stands for one of many, in a path.
var aPlaceholder = regexp.MustCompile(`\b[A-Z]{2,}\b`)

// TestGuidesNamePathsThatExist: what CONTRIBUTING.md, ARCHITECTURE.md, README.md and docs say of files and packages is true.
func TestGuidesNamePathsThatExist(t *testing.T) {
	found := 0
	for file, text := range guides(t) {
		for _, at := range aPath.FindAllStringSubmatchIndex(text, -1) {
			name := text[at[4]:at[5]]
			found++
			matches, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(aPlaceholder.ReplaceAllString(name, "*"))))
			if err != nil || len(matches) == 0 {
				t.Errorf("%s:%d: there is no %s: name what took its place, or what is to be done now", file, line([]byte(text), at[4]), name)
			}
		}
	}
	if found < 200 {
		t.Errorf("only %d paths found: the pattern misses them", found)
	}
}

// aVerb matches a verb of dsctl, with one below it, where it stands as a command: after a backquote, at the beginning of a
// line of an example, or after sudo, $ or a pipe.
var aVerb = regexp.MustCompile("(?m)(?:`|^ *|sudo |\\$ |\\| )dsctl ([a-z]+)(?: ([a-z]+))?")

// groups are the verbs that are nothing without one below them. Those of get and describe have aliases, which the help of each
// lists.
var groups = []string{"keyring", "rollout"}

// TestGuidesNameVerbsThatExist: each dsctl command in the texts is one.
func TestGuidesNameVerbsThatExist(t *testing.T) {
	verbs := map[string]bool{"help": true}
	helps, err := filepath.Glob(filepath.Join(root(t), "cmd", "dsctl", "testdata", "help", "*.txt"))
	if err != nil || len(helps) < 20 {
		t.Fatalf("the help of %d verbs: %v", len(helps), err)
	}
	for _, help := range helps {
		verbs[strings.TrimSuffix(filepath.Base(help), ".txt")] = true
	}
	found := 0
	for file, text := range guides(t) {
		for _, at := range aVerb.FindAllStringSubmatchIndex(text, -1) {
			verb := text[at[2]:at[3]]
			found++
			if !verbs[verb] {
				t.Errorf("%s:%d: dsctl has no verb %q", file, line([]byte(text), at[2]), verb)
			}
			if at[4] >= 0 && slices.Contains(groups, verb) && !verbs[verb+"-"+text[at[4]:at[5]]] {
				t.Errorf("%s:%d: dsctl %s has no verb %q", file, line([]byte(text), at[2]), verb, text[at[4]:at[5]])
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d commands found: the pattern misses them", found)
	}
}

// anAnnotation matches the names of our annotations.
var anAnnotation = regexp.MustCompile(`daemonsetd\.io/[a-z-]+[a-z]`)

// TestAnnotationsAreDocumented: those that an operator may write stand where their values are explained, and no text names one
// that the code does not have.
func TestAnnotationsAreDocumented(t *testing.T) {
	code := map[string]bool{}
	for _, src := range sources(t) {
		if src.isTest() || below(src.dir(), "test") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), src.path))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range anAnnotation.FindAllString(string(text), -1) {
			code[name] = true
		}
	}
	texts := guides(t)
	for file, text := range texts {
		for _, at := range anAnnotation.FindAllStringIndex(text, -1) {
			if name := text[at[0]:at[1]]; !code[name] {
				t.Errorf("%s:%d: the code has no %s", file, line([]byte(text), at[0]), name)
			}
		}
	}
	strategy, err := os.ReadFile(filepath.Join(root(t), "manifests", "strategy", "strategy.go"))
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile(filepath.Join(root(t), "packaging", "man", "daemonsetd-specs.7.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range anAnnotation.FindAllString(string(strategy), -1) {
		if !strings.Contains(texts["docs/rollout.md"], name) || !strings.Contains(string(manual), name) {
			t.Errorf("docs/rollout.md and packaging/man/daemonsetd-specs.7.md have to explain %s", name)
		}
	}
}
