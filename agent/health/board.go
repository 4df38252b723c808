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

// Board has the problems of this host at this moment, at most one of each code. It is locked: every part reports to
// it, from whatever goroutine. Make one with NewBoard.
type Board struct {
	log    zerolog.Logger
	events *Events

	mu    sync.Mutex
	items map[Code]api.HealthItem
}

// NewBoard makes an empty board, which logs what is reported and records it in events.
func NewBoard(log zerolog.Logger, events *Events) *Board {
	return &Board{log: log, events: events, items: map[Code]api.HealthItem{}}
}

// Report puts a problem on the board, in the place of what was said of that code before. Text says what is wrong;
// about has what the code's remedy leaves open, one for each %s in it. It is logged and becomes an event when it is
// new or says something else.
func (b *Board) Report(code Code, text string, about ...any) {
	item := api.HealthItem{
		Code: code.String(), Severity: code.Severity(), Text: text, Remedy: fmt.Sprintf(code.Remedy(), about...),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.items[code] == item {
		return
	}
	b.items[code] = item
	if item.Severity == api.SeverityInfo {
		return
	}
	level := zerolog.WarnLevel
	if item.Severity == api.SeverityError {
		level = zerolog.ErrorLevel
	}
	b.log.WithLevel(level).Str(logfield.Reason, item.Code).Str(logfield.Error, item.Text).
		Str(logfield.Hint, item.Remedy).Msg("health problem")
	b.events.OfNode(corev1.EventTypeWarning, item.Code, item.Text)
}

// Clear takes a problem off the board, and logs it where there was one.
func (b *Board) Clear(code Code) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.items[code]; !ok {
		return
	}
	delete(b.items, code)
	b.log.Info().Str(logfield.Reason, code.String()).Msg("health problem is over")
}

// When reports a problem where there is one, and clears it otherwise.
func (b *Board) When(problem bool, code Code, text string, about ...any) {
	if problem {
		b.Report(code, text, about...)
	} else {
		b.Clear(code)
	}
}

// Items is a copy of what is on the board, the worst first, those of the same severity by their names.
func (b *Board) Items() []api.HealthItem {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(maps.Values(b.items), func(x, y api.HealthItem) int {
		return cmp.Or(cmp.Compare(order(x.Severity), order(y.Severity)), cmp.Compare(x.Code, y.Code))
	})
}

func order(severity string) int {
	return slices.Index([]string{api.SeverityError, api.SeverityWarning, api.SeverityInfo}, severity)
}
