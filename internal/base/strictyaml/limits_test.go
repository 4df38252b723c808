package strictyaml_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// bomb is a text of a few hundred bytes that stands for 9^9 values.
func bomb(entry func(name, all string) string) string {
	var b strings.Builder
	b.WriteString("a0: &a0 {x: 1}\n")
	for i := 1; i < 10; i++ {
		name, before := "a"+string(rune('0'+i)), "*a"+string(rune('0'+i-1))
		b.WriteString(entry(name, strings.Repeat(before+", ", 8)+before) + "\n")
	}
	return b.String()
}

func TestLimits(t *testing.T) {
	small := strictyaml.Limits{MaxBytes: 1000, MaxDepth: 5, MaxDocuments: 3, MaxNodes: 20}
	for _, tc := range []struct {
		name, text string
		lim        strictyaml.Limits
		want       string
		line       int
		docs       int
	}{
		{"size", strings.Repeat("#", 1001), small, "the file has 1001 bytes, more than the limit of 1000", 1, 0},
		{"depth", "a:\n  b: {c: {d: {e: {f: 1}}}}\n", small, "nested deeper than 5 levels", 2, 0},
		{"depth in JSON", "{\"a\":\n[[[[[1]]]]]}", small, "nested deeper than 5 levels", 2, 0},
		{"depth by alias", "a: &a {b: {c: {d: 1}}}\nb: {c: {d: *a}}\n", small, "nested deeper than 5 levels", 2, 0},
		{"depth by a chain of aliases", "a: &a {b: {c: 1}}\nb: &b {c: *a}\nc: *b\nd: {e: *b}\n", small, "nested deeper than 5 levels", 4, 0},
		{"depth of an alias in an anchor that is open", "a: &a\n  b: &b {x: *a}\n  c: *b\n", strictyaml.Limits{}, "an alias inside of what it stands for", 2, 0},
		{
			"values in JSON", "{\"a\": [" + strings.Repeat("1,", 50) + "1]}", small,
			"the documents of this file have more than 20 keys and values, aliases counted as what they stand for", 1, 0,
		},
		{"depth far over", strings.Repeat("[", 9000), strictyaml.Limits{}, "a list or mapping in brackets without its end, or a comma is missing", 1, 0},
		{"documents", "a: 1\n---\na: 1\n---\na: 1\n---\na: 1\n", small, "more than 3 documents in one file", 6, 3},
		{
			"nodes", "a: [1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1]\n", small,
			"the documents of this file have more than 20 keys and values, aliases counted as what they stand for", 1, 0,
		},
		{
			"nodes of several documents", "a: [1,2,3,4,5,6,7]\n---\na: [1,2,3,4,5,6,7,8,9,0]\n---\nb: 1\n", small,
			"the documents of this file have more than 20 keys and values, aliases counted as what they stand for", 3, 1,
		},
		{
			"alias bomb", bomb(func(name, all string) string { return name + ": &" + name + " [" + all + "]" }),
			strictyaml.Limits{},
			"the documents of this file have more than 1000000 keys and values, aliases counted as what they stand for", 1, 0,
		},
		{
			"merge bomb", bomb(func(name, all string) string { return name + ": &" + name + " {<<: [" + all + "]}" }),
			strictyaml.Limits{},
			"the documents of this file have more than 1000000 keys and values, aliases counted as what they stand for", 1, 0,
		},
		{"alias of itself", "a: &a\n  b: *a\n", strictyaml.Limits{}, "an alias inside of what it stands for", 2, 0},
		{"merge of itself", "a: &a\n  <<: *a\n  kind: x\n", strictyaml.Limits{}, "an alias inside of what it stands for", 2, 0},
		{"UTF-8", "a: b\nc: \xff\n", strictyaml.Limits{}, "invalid UTF-8", 2, 0},
		{"UTF-16", "\xff\xfea\x00", strictyaml.Limits{}, "the file is UTF-16, wanted UTF-8", 1, 0},
		{"NUL", "a: b\n\x00\n", strictyaml.Limits{}, "a NUL byte, which no text file has", 2, 0},
		{"control", "a: b\nb: \x1b[2J\n", strictyaml.Limits{}, "the control character U+001B", 2, 0},
		{"late byte order mark", "a: b\n---\n\ufeffb: c\n", strictyaml.Limits{}, "a byte order mark inside the file", 3, 0},
		{"byte order mark", "\ufeffa: b\n", strictyaml.Limits{}, "the file begins with a byte order mark, which is ignored", 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			docs, l := strictyaml.Parse("f.yaml", []byte(tc.text), tc.lim)
			if len(docs) != tc.docs || len(l) != 1 || l[0].Message != tc.want || l[0].Line != tc.line {
				t.Errorf("%d documents, problems %v; want %d and line %d: %s", len(docs), l, tc.docs, tc.line, tc.want)
			}
		})
	}
}

func TestByteOrderMarkKeepsColumns(t *testing.T) {
	l := strictyaml.DecodeBytes("f.yaml", []byte("\ufeffnme: b\n"), strictyaml.Limits{}, &settings{})
	if len(l) != 2 || l[0].Column != 1 || l[0].Snippet != "nme: b" {
		t.Errorf("problems: %+v", l)
	}
}

func TestDecodeFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(file, []byte("name: a\nnme: b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got settings
	l, err := strictyaml.DecodeFile(file, strictyaml.Limits{}, &got)
	if err != nil || len(l) != 1 || l[0].File != file || l[0].Line != 2 || got.Name != "a" {
		t.Errorf("%v, %v, %+v", l, err, got)
	}
	if l, err = strictyaml.DecodeFile(file, strictyaml.Limits{MaxBytes: 5}, &got); err != nil || !l.HasErrors() {
		t.Errorf("a file over the limit: %v, %v", l, err)
	}
	if _, err = strictyaml.DecodeFile(filepath.Join(dir, "none"), strictyaml.Limits{}, &got); !os.IsNotExist(unwrapped(err)) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err = strictyaml.DecodeFile(dir, strictyaml.Limits{}, &got); err == nil || !strings.Contains(err.Error(), "a directory, wanted a regular file") {
		t.Errorf("a directory: %v", err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = strictyaml.DecodeFile(fifo, strictyaml.Limits{}, &got); err == nil || !strings.Contains(err.Error(), "a named pipe, wanted a regular file") {
		t.Errorf("a named pipe: %v", err)
	}
}

func unwrapped(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return err
}
