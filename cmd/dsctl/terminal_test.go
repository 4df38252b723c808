package main

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestFaultT11Terminal: no escape of another host, of a file's name or of a program's output reaches a terminal.
func TestFaultT11Terminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":          "plain\ttext\n",
		"\x1b[31mred\x1b[0m":     "\x1b[31mred\x1b[0m",
		"\x1b[2J\x1b[Hgone":      "\ufffd[2J\ufffd[Hgone",
		"\x1b[8mhidden":          "\ufffd[8mhidden",
		"\x1b]0;title\x07":       "\ufffd]0;title\ufffd",
		"a\rb\bc":                "a\ufffdb\ufffdc",
		"c1 \u009b31m":           "c1 \ufffd31m",
		"bidi \u202egnp.exe":     "bidi \ufffdgnp.exe",
		"no UTF-8: \xff\x9b1m":   "no UTF-8: \ufffd\ufffd1m",
		"umlauts ä ö ü, 日本語 are": "umlauts ä ö ü, 日本語 are",
	} {
		var out bytes.Buffer
		if _, err := (&terminal{to: &out}).Write([]byte(in)); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestFaultT11Pieces: it does not matter in which pieces something is written, and whatever it is, nothing that cannot be seen passes.
func TestFaultT11Pieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"\x1b", "[31m", "\x1b[0m", "[", "0", "m", "ä", "\xc3", "\xa4", "\n", "x", "\u009b", "\xe6\x97", "\xa5", "\x07"})
		text := strings.Join(rapid.SliceOfN(part, 0, 30).Draw(t, "text"), "") + "end\n"
		var whole, pieces bytes.Buffer
		_, _ = (&terminal{to: &whole}).Write([]byte(text))
		w := &terminal{to: &pieces}
		for rest := []byte(text); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			_, _ = w.Write(rest[:n])
			rest = rest[n:]
		}
		if whole.String() != pieces.String() {
			t.Fatalf("%q: %q in one piece, %q in several", text, whole.String(), pieces.String())
		}
		seen := whole.String()
		for _, c := range colours() {
			seen = strings.ReplaceAll(seen, string(c), "")
		}
		for _, r := range seen {
			if r != '\n' && r != '\t' && r != utf8.RuneError && !strconv.IsPrint(r) {
				t.Fatalf("%q passes: %q", r, seen)
			}
		}
	})
}
