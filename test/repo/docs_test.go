package repo

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// told matches the word under which the agent reports a problem, and the reason of an event on a DaemonSet, where they are written out.
var told = regexp.MustCompile(`\.(?:report|when|event)\((?:[^"\n]*, )?"([A-Z][A-Za-z]+)",`)

// TestJournalDocs: docs/journal.md names every problem and event that the agent's code does: what an operator's alerts are made from.
func TestJournalDocs(t *testing.T) {
	docs, err := os.ReadFile(filepath.Join(root(t), "docs", "journal.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range files(t) {
		if filepath.Dir(path) != "agent" || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), path))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range told.FindAllSubmatchIndex(text, -1) {
			found++
			if word := string(text[at[2]:at[3]]); !strings.Contains(string(docs), "`"+word+"`") {
				t.Errorf("%s:%d: docs/journal.md does not name `%s`", path, line(text, at[2]), word)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d found: the pattern misses them", found)
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
