package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// String is the problem in one line: file:line:column: severity: message (hint). Parts that are not known are left out.
func (p Problem) String() string {
	var b strings.Builder
	if place := p.Place(); place != "" {
		b.WriteString(place)
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s: %s", p.Severity, p.Message)
	if p.Hint != "" {
		fmt.Fprintf(&b, " (%s)", p.Hint)
	}
	return b.String()
}

// Place is file:line:column, as far as they are known.
func (p Problem) Place() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// HasErrors says whether any problem is an Error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(p Problem) bool { return p.Severity == Error })
}

// Errors is the problems of severity Error, in their order.
func (l List) Errors() List {
	var out List
	for _, p := range l {
		if p.Severity == Error {
			out = append(out, p)
		}
	}
	return out
}

// FirstError is the first error in a sentence; empty: there is none.
func (l List) FirstError() string {
	for _, p := range l {
		if p.Severity == Error {
			return p.String()
		}
	}
	return ""
}

// Count is the number of problems of one severity.
func (l List) Count(sev Severity) int {
	n := 0
	for _, p := range l {
		if p.Severity == sev {
			n++
		}
	}
	return n
}

// Sort orders by file, line, column, severity (errors first) and then text, so that the order never depends on how the
// problems were found.
func (l List) Sort() { slices.SortStableFunc(l, compare) }

func compare(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Severity.rank(), b.Severity.rank()),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.Hint, b.Hint),
	)
}

func (s Severity) rank() int {
	return slices.Index([]Severity{Error, Warning, Info}, s)
}

// Err is nil when the list has no Error. Otherwise it is an *ListError.
func (l List) Err() error {
	errs := l.Errors()
	if len(errs) == 0 {
		return nil
	}
	return &ListError{Problems: errs}
}

// ListError is the errors of a List as one error. Its text is the first one and how many more there are, so that a log
// line stays a line.
type ListError struct {
	// Problems has at least one element, and only those of severity Error.
	Problems List
}

// Error implements error.
func (e *ListError) Error() string {
	first := e.Problems[0]
	text := first.Message
	if place := first.Place(); place != "" {
		text = place + ": " + text
	}
	if first.Hint != "" {
		text += " (" + first.Hint + ")"
	}
	if more := len(e.Problems) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
