package main

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"
)

// none stands for an empty cell, so that every line has the same number of fields.
const none = "<none>"

// unknown stands for what is there and not known.
const unknown = "<unknown>"

// table is columns with upper-case headers, two spaces between them.
type table struct {
	header []string
	rows   [][]string
	// bare leaves the headers out.
	bare bool
}

func newTable(header ...string) *table { return &table{header: header} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write prints the table; lines longer than width characters are cut, 0 meaning that none is.
func (t *table) write(w io.Writer, width int) error {
	var buf bytes.Buffer
	tw := tabwriter.NewWriter(&buf, 0, 8, 2, ' ', 0)
	rows := t.rows
	if !t.bare {
		rows = append([][]string{t.header}, rows...)
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = cellText(cell)
		}
		if _, err := io.WriteString(tw, strings.Join(cells, "\t")+"\n"); err != nil {
			return err
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(buf.String()) {
		line = strings.TrimRight(line, " \n")
		if _, err := io.WriteString(w, cut(line, width)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// cellText keeps a cell on its line and in its column.
func cellText(s string) string {
	if s == "" {
		return none
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

func cut(line string, width int) string {
	if width <= 0 || utf8.RuneCountInString(line) <= width {
		return line
	}
	const mark = "..."
	runes := []rune(line)
	return string(runes[:max(width-len(mark), 0)]) + mark
}

// when shows a moment: its age to who watches, the moment itself to who keeps it.
func (s streams) when(t time.Time) string {
	switch {
	case t.IsZero() && s.tty():
		return unknown
	case t.IsZero():
		return none
	case s.tty():
		return duration.HumanDuration(time.Since(t))
	default:
		return t.UTC().Format(time.RFC3339)
	}
}

// age is how long ago a moment was, as kubectl prints it, to whoever reads it.
func age(t time.Time) string {
	if t.IsZero() {
		return unknown
	}
	return duration.HumanDuration(time.Since(t))
}

// ago is when within a sentence: "3m ago", "at 2026-01-02T03:04:05Z".
func (s streams) ago(t time.Time) string {
	switch {
	case t.IsZero():
		return "never"
	case s.tty():
		return s.when(t) + " ago"
	default:
		return "at " + s.when(t)
	}
}

// count is a number with its noun.
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}
