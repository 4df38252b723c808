package repo

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// later matches the marks of unfinished work. Written in two halves, so that this file does not match.
var later = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)

// TestNothingLeftOpen: what is open stands in an issue.
func TestNothingLeftOpen(t *testing.T) {
	eachText(t, func(path string, text []byte) {
		if at := later.FindIndex(text); at != nil {
			t.Errorf("%s:%d: %q: finish it, or write an issue", path, line(text, at[0]), text[at[0]:at[1]])
		}
	})
}

// elsewhere matches the name of a document that is not in the repository. Written in two halves, so that this file does not match.
var elsewhere = regexp.MustCompile(`DESIGN` + `\.md|\bbars of the design\b`)

// TestNothingElsewhere: a text refers to what its reader has. What was decided stands in ARCHITECTURE.md or beside the code.
func TestNothingElsewhere(t *testing.T) {
	eachText(t, func(path string, text []byte) {
		if at := elsewhere.FindIndex(text); at != nil {
			t.Errorf("%s:%d: %q is not in the repository: say it here, or in ARCHITECTURE.md", path, line(text, at[0]), text[at[0]:at[1]])
		}
	})
}

// TestNoMachinePaths: no file names a directory of the machine that it was written on: the repository's, the user's home, Go's
// module cache.
func TestNoMachinePaths(t *testing.T) {
	places := []string{root(t)}
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		places = append(places, home)
	}
	var quoted []string
	for _, place := range places {
		quoted = append(quoted, regexp.QuoteMeta(place))
	}
	pattern := regexp.MustCompile(`(^|[^\w/.-])(` + strings.Join(quoted, "|") + `)/`)
	eachText(t, func(path string, text []byte) {
		if at := pattern.FindSubmatchIndex(text); at != nil {
			t.Errorf("%s:%d: names %s, which is a place on this machine alone", path, line(text, at[4]), text[at[4]:at[5]])
		}
	})
}

// eachText gives every file that is text.
func eachText(t *testing.T, f func(path string, text []byte)) {
	t.Helper()
	for _, path := range files(t) {
		text, err := os.ReadFile(filepath.Join(root(t), path))
		if err != nil {
			t.Fatal(err)
		}
		// A sum is base64 and may hold any word.
		if strings.HasSuffix(path, "go.sum") || strings.Contains(path, "/testdata/") || bytes.IndexByte(text, 0) >= 0 {
			continue
		}
		f(path, text)
	}
}

// line gives the line of an offset, from 1.
func line(text []byte, offset int) int { return 1 + bytes.Count(text[:offset], []byte("\n")) }
