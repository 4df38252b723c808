package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// Texts of package spec and resolve by which findings of one kind are known. Where they are another's, every finding is
// shown by itself.
const (
	textNoEffect    = " has no effect without an API server"
	textNotDeclared = " is not declared, and "
	textNoKey       = " has no key "
	textWhich       = ", which "
	textNeeds       = " needs"
)

// finding is a problem of a parser or of the API, as far as reading it goes.
type finding struct {
	file, message string
	severity      string
}

// tidy is what a person is shown of problems: errors first, then warnings, then the rest, each object that is missing
// once for the file, and nothing twice. set gives a problem another message.
func tidy[T any](all []T, of func(T) finding, set func(*T, string)) []T {
	type group struct{ file, severity, about string }
	first, places := map[group]int{}, map[group]int{}
	var out []T
	for _, p := range all {
		f := of(p)
		g := group{f.file, f.severity, f.message}
		if f.severity != api.SeverityError {
			g.about = about(f.message)
			places[g]++
			if at, ok := first[g]; ok {
				set(&out[at], ofMany(f.message, places[g]))
				continue
			}
		}
		first[g] = len(out)
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b T) int { return cmp.Compare(rankOf(of(a)), rankOf(of(b))) })
	return out
}

func rankOf(f finding) int {
	switch f.severity {
	case api.SeverityError:
		return 0
	case api.SeverityWarning:
		return 1
	default:
		return 2
	}
}

// about is what a message is about: the object or the key that is missing, or else all of it.
func about(message string) string {
	if object, _, ok := strings.Cut(message, textNotDeclared); ok {
		return object + textNotDeclared
	}
	if object, _, ok := strings.Cut(message, textWhich); ok && strings.Contains(object, textNoKey) {
		return object
	}
	return message
}

// ofMany is the message for several references to one object.
func ofMany(message string, n int) string {
	switch about := about(message); {
	case strings.HasSuffix(about, textNotDeclared):
		return fmt.Sprintf("%s%d references need it", about, n)
	case about != message:
		_, detail, _ := strings.Cut(message, textNeeds)
		return fmt.Sprintf("%s%s%d references need%s", about, textWhich, n, detail)
	}
	return message
}

// tidyList is tidy for the problems of a parser.
func tidyList(all diag.List) diag.List {
	return tidy(all, func(p diag.Problem) finding { return finding{p.File, p.Message, string(p.Severity)} },
		func(p *diag.Problem, message string) { p.Message = message })
}

// tidyProblems is tidy for those that the agent reports, without what is for information alone.
func tidyProblems(all []api.Problem) []api.Problem {
	all = slices.DeleteFunc(slices.Clone(all), func(p api.Problem) bool { return p.Severity == api.SeverityInfo })
	return tidy(all, func(p api.Problem) finding { return finding{p.File, p.Message, p.Severity} },
		func(p *api.Problem, message string) { p.Message = message })
}

// withoutEffect takes what says of an object that it has no effect out of a file's problems, and gives one line that
// counts them; empty: there are none.
func withoutEffect(list diag.List) (rest diag.List, line string, n int) {
	kinds, last := map[string]int{}, ""
	for _, p := range list {
		object, _, ok := strings.Cut(p.Message, textNoEffect)
		if p.Severity != diag.Info || !ok {
			rest = append(rest, p)
			continue
		}
		kind, _, _ := strings.Cut(object, " ")
		kinds[kind]++
		n, last = n+1, p.Message
	}
	if n <= 1 {
		return rest, last, n
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		text := kind
		if kinds[kind] > 1 {
			text = fmt.Sprintf("%d %s", kinds[kind], kind)
		}
		parts = append(parts, text)
	}
	return rest, fmt.Sprintf("%d objects have no effect without an API server: %s", n, strings.Join(parts, ", ")), n
}
