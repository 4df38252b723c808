package main

import (
	"bytes"
	"io"
	"strconv"
	"unicode/utf8"
)

// terminal is the one writer for what somebody reads as it is printed. What is printed may have come from another host,
// from a file's name or from a program's output; a terminal would obey the escapes in it. So everything that cannot be
// seen is replaced, but for ends of lines, tabs, and the colours that this program writes itself.
type terminal struct {
	to io.Writer
	// rest is the beginning of a character or of a colour whose end has not been written yet.
	rest []byte
}

// colours are the only escapes that pass.
func colours() [][]byte {
	var all [][]byte
	for _, c := range []string{red, green, yellow, cyan, bold, "0"} {
		all = append(all, []byte("\x1b["+c+"m"))
	}
	return all
}

// Write writes what can be seen of p.
func (t *terminal) Write(p []byte) (int, error) {
	in := append(t.rest, p...)
	out := make([]byte, 0, len(in))
	for len(in) > 0 {
		if n := colour(in); n > 0 {
			out, in = append(out, in[:n]...), in[n:]
			continue
		}
		if !utf8.FullRune(in) || begins(in) {
			break
		}
		r, n := utf8.DecodeRune(in)
		if r == '\n' || r == '\t' || strconv.IsPrint(r) {
			out = utf8.AppendRune(out, r)
		} else {
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		in = in[n:]
	}
	t.rest = bytes.Clone(in)
	if _, err := t.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// colour is the length of the colour with which text begins; 0: with none.
func colour(text []byte) int {
	for _, c := range colours() {
		if bytes.HasPrefix(text, c) {
			return len(c)
		}
	}
	return 0
}

// begins says whether text is the beginning of a colour and nothing more.
func begins(text []byte) bool {
	for _, c := range colours() {
		if len(text) < len(c) && bytes.HasPrefix(c, text) {
			return true
		}
	}
	return false
}
