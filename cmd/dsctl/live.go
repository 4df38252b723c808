package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

// listing is how a verb prints objects of one kind.
type listing[T any] struct {
	header []string
	// cells is the row of an object; change is what became of it in a watch, empty in a list.
	cells func(o *T, change watch.EventType) []string
	name  func(o *T) string
	// none is said where there is nothing.
	none string
}

// withLabels adds kubectl's column of an object's labels.
func (l listing[T]) withLabels(of func(*T) map[string]string) listing[T] {
	cells := l.cells
	l.header = append(slices.Clone(l.header), "LABELS")
	l.cells = func(o *T, change watch.EventType) []string {
		return append(cells(o, change), labels.FormatLabels(of(o)))
	}
	return l
}

// view shows object, whose items are given.
func (l listing[T]) view(object any, items []T) view {
	v := view{object: object, rows: rowsOf(items), text: func(p page) error {
		if len(items) == 0 {
			p.notef("%s", l.none)
			return nil
		}
		t := p.table(l.header...)
		for i := range items {
			t.add(l.cells(&items[i], "")...)
		}
		return t.write(p, p.width)
	}}
	for i := range items {
		v.names = append(v.names, l.name(&items[i]))
	}
	return v
}

// live prints objects as they come: those that there are, and each one anew when it changes. As with kubectl, the
// machine forms are one object after the other, and a table has its headers once.
type live[T any] struct {
	d       *deps
	listing listing[T]
	table   liveTable
	columns []column
}

func newLive[T any](d *deps, l listing[T]) (*live[T], error) {
	f, err := parseFormat(d.output)
	if err != nil {
		return nil, err
	}
	w := &live[T]{d: d, listing: l, table: liveTable{header: l.header, width: d.width, bare: d.noHeaders}}
	if f.kind == formatColumns {
		if w.columns, err = parseColumns(f.template); err != nil {
			return nil, err
		}
		w.table.header, w.table.width = headers(w.columns), 0
	}
	return w, nil
}

// show prints objects that became what change says.
func (w *live[T]) show(change watch.EventType, items ...T) error {
	d := w.d
	f, err := parseFormat(d.output)
	if err != nil {
		return err
	}
	switch f.kind {
	case formatText, formatWide, formatColumns:
		return w.showRows(change, items)
	}
	for i := range items {
		if err := d.print(view{object: items[i], names: []string{w.listing.name(&items[i])}}); err != nil {
			return err
		}
	}
	return nil
}

func (w *live[T]) showRows(change watch.EventType, items []T) error {
	var rows [][]string
	for i := range items {
		row, err := w.row(&items[i], change)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return w.table.write(w.d.out, rows...)
}

func (w *live[T]) row(item *T, change watch.EventType) ([]string, error) {
	if w.columns == nil {
		return w.listing.cells(item, change), nil
	}
	data, err := generic(item)
	if err != nil {
		return nil, err
	}
	return cellsOf(w.columns, data)
}

// liveTable is a table whose rows come one after the other. Its columns are as wide as the first rows need, and wider
// from the first row on that needs it.
type liveTable struct {
	header []string
	// width is where lines are cut; 0 means nowhere.
	width  int
	widths []int
	// bare leaves the headers out.
	bare bool
}

func (t *liveTable) write(w io.Writer, rows ...[]string) error {
	if t.widths == nil {
		if !t.bare {
			rows = append([][]string{t.header}, rows...)
		}
		t.widths = make([]int, len(t.header))
	}
	for _, row := range rows {
		for i, cell := range row {
			row[i] = cellText(cell)
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for _, row := range rows {
		if _, err := io.WriteString(w, cut(t.line(row), t.width)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func (t *liveTable) line(row []string) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell)
		b.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(cell)+2))
	}
	return strings.TrimRight(b.String(), " ")
}

// unlessDone is the error, unless it comes of who watches having had enough.
func unlessDone(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// ended is what a watch ends with when the agent has nothing more to say: nothing where who watches has had enough.
func ended(ctx context.Context) error {
	return unlessDone(ctx, &client.Error{
		Kind: client.ErrUnreachable, Text: "the agent ended the watch; it stops or restarts",
		Remedy: "start the command again", Cause: errors.New("end of stream"),
	})
}
