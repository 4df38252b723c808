package strictyaml

import (
	"bytes"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// source is the text of a file and where its lines begin.
type source struct {
	file  string
	data  []byte
	lines []int // byte offset of each line
}

func newSource(file string, data []byte) *source {
	s := &source{file: file, data: data, lines: make([]int, 1, 1+bytes.Count(data, []byte("\n")))}
	for i := 0; i < len(data); {
		size := breakSize(data[i:])
		if size > 0 {
			s.lines = append(s.lines, i+size)
		}
		i += max(size, 1)
	}
	return s
}

// breaks is what ends a line in YAML 1.1 besides the usual: a lone carriage return, next line, line and paragraph
// separator.
var breaks = []string{"\r\n", "\r", "\u0085", "\u2028", "\u2029"}

// breakSize is the length of the line end that data begins with, 0 when it begins with none.
func breakSize(data []byte) int {
	switch data[0] {
	case '\n':
		return 1
	case '\r', 0xc2, 0xe2: // the first bytes of breaks
		for _, b := range breaks {
			if bytes.HasPrefix(data, []byte(b)) {
				return len(b)
			}
		}
	}
	return 0
}

// line is the text of line n, counted from 1, without its end.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	end := len(s.data)
	if n < len(s.lines) {
		end = s.lines[n]
	}
	return strings.TrimRight(string(s.data[s.lines[n-1]:end]), "\r\n\u0085\u2028\u2029")
}

// lastLine is the number of the last line that has text, at least 1.
func (s *source) lastLine() int {
	n := len(s.lines)
	for n > 1 && s.line(n) == "" {
		n--
	}
	return n
}

// place turns a byte offset into a line and a column in characters, both from 1.
func (s *source) place(offset int) (line, column int) {
	offset = min(max(offset, 0), len(s.data))
	line = sort.SearchInts(s.lines, offset+1)
	return line, 1 + utf8.RuneCount(s.data[s.lines[line-1]:offset])
}

// spot is where a problem stands; width counts characters.
type spot struct{ line, column, width int }

// at is the spot of a key or of a scalar: where its text begins, behind an anchor or a tag.
func (s *source) at(n *yaml.Node) spot {
	rest := s.rest(n)
	column := n.Column
	for n.Kind == yaml.ScalarNode && len(rest) > 0 && (rest[0] == '&' || rest[0] == '!') {
		end := slices.Index(rest, ' ')
		for end >= 0 && end < len(rest) && rest[end] == ' ' {
			end++
		}
		if end < 0 || end == len(rest) {
			break
		}
		rest, column = rest[end:], column+end
	}
	return spot{n.Line, column, width(n, rest)}
}

// atTag is the spot of a node's tag.
func (s *source) atTag(n *yaml.Node) spot {
	fields := strings.Fields(string(s.rest(n)))
	if len(fields) == 0 || fields[0][0] != '!' {
		return s.at(n)
	}
	return spot{n.Line, n.Column, utf8.RuneCountInString(fields[0])}
}

// rest is the line of a node from its column on.
func (s *source) rest(n *yaml.Node) []rune {
	line := s.line(n.Line)
	if len(line) > maxSnippet {
		return nil
	}
	runes := []rune(line)
	if n.Column < 1 || n.Column > len(runes) {
		return nil
	}
	return runes[n.Column-1:]
}

// width is how many characters a node takes of the rest of its line.
func width(n *yaml.Node, rest []rune) int {
	switch {
	case len(rest) == 0:
		return 1
	case n.Kind == yaml.AliasNode:
		return min(len(rest), 1+utf8.RuneCountInString(n.Value))
	case n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return 1
	case rest[0] == '"' || rest[0] == '\'':
		return quotedWidth(rest)
	}
	return min(len(rest), max(1, utf8.RuneCountInString(n.Value)))
}

// quotedWidth is the length of the quoted text that rest begins with, or of all of rest when it ends on another line.
func quotedWidth(rest []rune) int {
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && rest[0] == '"':
			i++
		case rest[i] == rest[0]:
			return i + 1
		}
	}
	return len(rest)
}

// maxSnippet is the length in bytes above which a line is not shown: what is written in one line of this size was not
// written by hand.
const maxSnippet = 64 << 10

// problem makes a Problem for a spot. A hidden one says where, and shows nothing of the file.
func (s *source) problem(sev diag.Severity, at spot, message, hint string, hidden bool) diag.Problem {
	p := diag.Problem{Severity: sev, File: s.file, Line: at.line, Column: at.column, Message: message, Hint: hint}
	if line := s.line(at.line); !hidden && line != "" && len(line) <= maxSnippet {
		p.Snippet, p.Width = line, max(1, at.width)
	}
	return p
}
