package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// Board has the problems of this host at this moment, at most one of each code and object. It is locked: every part
// reports to it, from whatever goroutine. Make one with NewBoard.
type Board struct {
	log    zerolog.Logger
	events *Events

	mu    sync.Mutex
	items map[place]api.HealthItem
}

// place is what a board has one item of at most.
type place struct {
	code   Code
	object string
	// file tells problems of one code apart that are about no object.
	file string
}

// NewBoard makes an empty board, which logs what is reported and records it in events.
func NewBoard(log zerolog.Logger, events *Events) *Board {
	return &Board{log: log, events: events, items: map[place]api.HealthItem{}}
}

// Report puts a problem on the board, in the place of what was said of that code before. Text says what is wrong;
// about has what the code's remedy leaves open, one for each %s in it. It is logged and becomes an event when it is
// new or says something else.
func (b *Board) Report(code Code, text string, about ...any) {
	b.report(place{code: code}, api.HealthItem{Text: text, Remedy: fmt.Sprintf(code.Remedy(), about...)})
}

// Problem is what is wrong with one DaemonSet.
type Problem struct {
	// Object is the DaemonSet, namespace/name.
	Object string
	// Reason is one CamelCase word, which may be empty; Text and Remedy are as in api.HealthItem.
	Reason, Text, Remedy string
}

// Objects has the board show these problems of a code, one for each object, and no others of it.
func (b *Board) Objects(code Code, problems []Problem) {
	now := make(map[place]bool, len(problems))
	for _, p := range problems {
		at := place{code: code, object: p.Object}
		now[at] = true
		b.report(at, api.HealthItem{
			Object: p.Object, Reason: p.Reason, Text: p.Text, Remedy: fmt.Sprintf(code.Remedy(), p.Remedy),
		})
	}
	b.only(code, now)
}

// FileProblem is what is wrong with one file.
type FileProblem struct {
	// File tells it from others of its code; Text says what is wrong and Remedy what to do.
	File, Text, Remedy string
}

// Files has the board show these problems of a code, one for each file, and no others of it.
func (b *Board) Files(code Code, problems []FileProblem) {
	now := make(map[place]bool, len(problems))
	for _, p := range problems {
		at := place{code: code, file: p.File}
		now[at] = true
		b.report(at, api.HealthItem{Text: p.Text, Remedy: fmt.Sprintf(code.Remedy(), p.Remedy)})
	}
	b.only(code, now)
}

// only clears what there is of a code but these.
func (b *Board) only(code Code, now map[place]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var over []place
	for at := range b.items {
		if at.code == code && !now[at] {
			over = append(over, at)
		}
	}
	slices.SortFunc(over, func(x, y place) int {
		return cmp.Or(cmp.Compare(x.object, y.object), cmp.Compare(x.file, y.file))
	})
	for _, at := range over {
		b.clear(at)
	}
}

func (b *Board) report(at place, item api.HealthItem) {
	item.Code, item.Severity = at.code.String(), at.code.Severity()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.items[at] == item {
		return
	}
	b.items[at] = item
	if item.Severity == api.SeverityInfo {
		return
	}
	level := zerolog.WarnLevel
	if item.Severity == api.SeverityError {
		level = zerolog.ErrorLevel
	}
	e := b.log.WithLevel(level).Str(logfield.Reason, item.Code).Str(logfield.Error, item.Text).
		Str(logfield.Hint, item.Remedy)
	if item.Object != "" {
		e = e.Str(logfield.DaemonSet, item.Object)
		b.events.OfDaemonSet(item.Object, corev1.EventTypeWarning, item.Code, item.Text)
	} else {
		b.events.OfNode(corev1.EventTypeWarning, item.Code, item.Text)
	}
	if item.Remedy == "" {
		e.Msgf("%s: %s", item.Code, item.Text)
		return
	}
	e.Msgf("%s: %s; to do: %s", item.Code, item.Text, item.Remedy)
}

// Clear takes a problem off the board, and logs it where there was one.
func (b *Board) Clear(code Code) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear(place{code: code})
}

func (b *Board) clear(at place) {
	item, ok := b.items[at]
	if !ok {
		return
	}
	delete(b.items, at)
	e := b.log.Info().Str(logfield.Reason, at.code.String())
	if at.object != "" {
		e = e.Str(logfield.DaemonSet, at.object)
	}
	e.Msgf("%s is over: %s", at.code, item.Text)
}

// When reports a problem where there is one, and clears it otherwise.
func (b *Board) When(problem bool, code Code, text string, about ...any) {
	if problem {
		b.Report(code, text, about...)
	} else {
		b.Clear(code)
	}
}

// Items is a copy of what is on the board, the worst first, those of the same severity by their names and objects.
func (b *Board) Items() []api.HealthItem {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(maps.Values(b.items), func(x, y api.HealthItem) int {
		return cmp.Or(cmp.Compare(order(x.Severity), order(y.Severity)), cmp.Compare(x.Code, y.Code),
			cmp.Compare(x.Object, y.Object), cmp.Compare(x.Text, y.Text))
	})
}

func order(severity string) int {
	return slices.Index([]string{api.SeverityError, api.SeverityWarning, api.SeverityInfo}, severity)
}
