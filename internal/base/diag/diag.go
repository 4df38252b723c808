// Package diag says what is wrong with a file that an operator wrote: where, what was found, what was wanted, and what
// to do about it. Every parser of this project (spec files, node files, the agent's configuration) reports with it, so
// that the CLI, the log and the API use the same words.
package diag

// Severity says how much a Problem matters.
type Severity string

const (
	// Error makes the file bad: nothing in it takes effect and what came from it before stays in effect.
	Error Severity = "error"
	// Warning is something that works, but perhaps not as its writer thinks.
	Warning Severity = "warning"
	// Info is something that has no effect here and needs no change, such as a Kubernetes kind that an agent without an
	// API server has no use for.
	Info Severity = "info"
)

// Problem is one finding in one file.
type Problem struct {
	Severity Severity `json:"severity"`
	// File is the path as it was given.
	File string `json:"file,omitempty"`
	// Line and Column count from 1, Column in characters (runes); 0 means that the place is not known.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Path is the field path in Kubernetes' notation: spec.template.spec.containers[0].image.
	Path string `json:"path,omitempty"`
	// Message is one lower-case sentence without a full stop; it makes sense without the rest.
	Message string `json:"message"`
	// Hint is what to do, in one sentence: `did you mean "containers"?`.
	Hint string `json:"hint,omitempty"`
	// Snippet is the offending line of the file, without its line end. Empty when there is none to show, which is always
	// so for documents that hold secrets.
	Snippet string `json:"-"`
	// Width is how many characters of Snippet from Column on the caret underlines; at least 1 when Snippet is set.
	Width int `json:"-"`
}

// List is the findings of one or several files.
type List []Problem
