package diag

import "fmt"

// MaxProblems is how many problems of one severity are kept of one file. Nobody reads more, and a file of some
// megabytes could give millions.
const MaxProblems = 200

// Collector gathers the problems of one file, and counts those above MaxProblems instead of keeping them. The zero
// value is ready.
type Collector struct {
	list          List
	kept, dropped map[Severity]int
}

// Add takes problems.
func (c *Collector) Add(problems ...Problem) {
	if c.kept == nil {
		c.kept, c.dropped = map[Severity]int{}, map[Severity]int{}
	}
	for _, p := range problems {
		if c.kept[p.Severity] == MaxProblems {
			c.dropped[p.Severity]++
			continue
		}
		c.kept[p.Severity]++
		c.list = append(c.list, p)
	}
}

// Full says whether a further problem of the severity would only be counted, so that the work of making one can be left
// out: Add(Problem{Severity: s}) counts it.
func (c *Collector) Full(s Severity) bool { return c.kept[s] >= MaxProblems }

// HasErrors says whether an Error was added.
func (c *Collector) HasErrors() bool { return c.kept[Error] > 0 }

// List is what was added, sorted, with one more problem for each severity of which some were dropped.
func (c *Collector) List() List {
	out := append(List(nil), c.list...)
	for _, s := range []Severity{Error, Warning, Info} {
		if n := c.dropped[s]; n > 0 {
			out = append(out, c.more(s, n))
		}
	}
	out.Sort()
	return out
}

// more stands at the last place of its severity.
func (c *Collector) more(s Severity, n int) Problem {
	last := Problem{}
	for _, p := range c.list {
		if p.Severity == s && (last.Severity == "" || compare(last, p) < 0) {
			last = p
		}
	}
	return Problem{
		Severity: s, File: last.File, Line: last.Line, Column: last.Column,
		Message: fmt.Sprintf("%d more problems of severity %s are not shown", n, s),
	}
}
