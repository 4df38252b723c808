package diag

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// RenderOptions says how Render writes.
type RenderOptions struct {
	// Color adds ANSI colours. Nothing is told by colour alone.
	Color bool
}

const (
	// snippetColumns is how many characters of a line are shown.
	snippetColumns = 100
	// snippetLead is how many characters before the offending place stay in view when a line is cut on its left.
	snippetLead = 40
	tabWidth    = 4
	cutMark     = "..."
)

// Render writes the problems for a person to read: each with its place, the line it stands on and a caret under the
// offending characters. Long lines are cut around the place, a tab is shown as spaces, and problems that look the same
// are shown once when they follow each other. An error is one of w.
func Render(w io.Writer, l List, o RenderOptions) error {
	out := bufio.NewWriter(w)
	for i, p := range l {
		if i > 0 && repeats(l[i-1], p) {
			continue
		}
		if i > 0 {
			fmt.Fprintln(out)
		}
		renderProblem(out, p, palette(o.Color))
	}
	return out.Flush()
}

// repeats says whether a reader would see the same again: what a YAML alias stands for is wrong at every field that
// uses it, and stands in the file once.
func repeats(before, p Problem) bool {
	before.Path = p.Path
	return before == p
}

type colors struct{ error, warning, info, frame, bold, reset string }

func palette(on bool) colors {
	if !on {
		return colors{}
	}
	return colors{
		error: "\x1b[1;31m", warning: "\x1b[1;33m", info: "\x1b[1;36m",
		frame: "\x1b[1;34m", bold: "\x1b[1m", reset: "\x1b[0m",
	}
}

func (c colors) of(s Severity) string {
	switch s {
	case Error:
		return c.error
	case Warning:
		return c.warning
	default:
		return c.info
	}
}

func renderProblem(w io.Writer, p Problem, c colors) {
	fmt.Fprintf(w, "%s%s%s%s: %s%s\n", c.of(p.Severity), p.Severity, c.reset, c.bold, printable(p.Message), c.reset)
	number := strconv.Itoa(p.Line)
	margin := strings.Repeat(" ", len(number))
	if place := p.Place(); place != "" {
		fmt.Fprintf(w, "%s%s-->%s %s\n", margin, c.frame, c.reset, place)
	}
	if p.Snippet == "" || p.Line == 0 {
		renderWithoutSnippet(w, p, c, margin)
		return
	}
	text, start, width := window(p.Snippet, p.Column, p.Width)
	fmt.Fprintf(w, "%s %s|%s\n", margin, c.frame, c.reset)
	fmt.Fprintf(w, "%s%s |%s %s\n", c.frame, number, c.reset, text)
	caret := strings.Repeat("^", width)
	if p.Hint != "" {
		caret += " " + printable(p.Hint)
	}
	fmt.Fprintf(w, "%s %s|%s %s%s%s%s\n", margin, c.frame, c.reset, strings.Repeat(" ", start), c.of(p.Severity), caret,
		c.reset)
}

func renderWithoutSnippet(w io.Writer, p Problem, c colors, margin string) {
	if p.Path != "" {
		fmt.Fprintf(w, "%s %s=%s field: %s\n", margin, c.frame, c.reset, printable(p.Path))
	}
	if p.Hint != "" {
		fmt.Fprintf(w, "%s %s=%s help: %s\n", margin, c.frame, c.reset, printable(p.Hint))
	}
}

// window cuts the line to snippetColumns around the place and gives where the caret stands in what is left: start
// counts from 0.
func window(line string, column, width int) (text string, start, caret int) {
	runes, start, end := expand(line, max(column, 1)-1, max(width, 1))
	from := 0
	if len(runes) > snippetColumns && end > snippetColumns {
		from = max(0, min(start-snippetLead, len(runes)-snippetColumns))
	}
	to := min(len(runes), from+snippetColumns)
	text = string(runes[from:to])
	start, end = start-from, min(end-from, to-from)
	if to < len(runes) {
		text += cutMark
	}
	if from > 0 {
		text = cutMark + text
		start, end = start+len(cutMark), end+len(cutMark)
	}
	return text, start, max(1, end-start)
}

// expand replaces tabs and what a terminal would act on, and moves the range [at, at+width) of line along.
func expand(line string, at, width int) (out []rune, start, end int) {
	runes := []rune(line)
	for i, r := range runes {
		if i == at {
			start = len(out)
		}
		if i == at+width {
			end = len(out)
		}
		if r == '\t' {
			out = append(out, []rune(strings.Repeat(" ", tabWidth))...)
			continue
		}
		out = append(out, visible(r))
	}
	if at >= len(runes) {
		start = len(out)
	}
	if at+width >= len(runes) {
		end = max(len(out), start+1)
	}
	return out, start, end
}

func printable(s string) string { return strings.Map(visible, s) }

// visible keeps text from a file from moving the cursor or changing colours.
func visible(r rune) rune {
	if r == '\t' {
		return ' '
	}
	if !strconv.IsPrint(r) {
		return '\uFFFD'
	}
	return r
}
