package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/util/jsonpath"
)

// Output formats besides the one for people.
const (
	formatText    = ""
	formatWide    = "wide"
	formatJSON    = "json"
	formatYAML    = "yaml"
	formatName    = "name"
	formatPath    = "jsonpath"
	formatColumns = "custom-columns"
	formatGo      = "go-template"
)

// format is a value of --output.
type format struct {
	kind     string
	template string
}

func parseFormat(s string) (format, error) {
	kind, template, has := strings.Cut(s, "=")
	switch kind {
	case formatText, formatWide, formatJSON, formatYAML, formatName:
		if !has {
			return format{kind: kind}, nil
		}
	case formatPath, formatColumns, formatGo:
		if template != "" {
			return format{kind: kind, template: template}, nil
		}
		return format{}, usagef("output %q needs a template: %s=...", kind, kind)
	}
	return format{}, usagef(
		"unknown output %q, want json, yaml, name, wide, jsonpath=..., custom-columns=... or go-template=...", s)
}

func completeOutput(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{formatJSON, formatYAML, formatName, formatWide, formatPath + "=", formatColumns + "=", formatGo + "="},
		cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// view is the result of a verb in every form in which it can be printed.
type view struct {
	// object is what json, yaml and jsonpath show.
	object any
	// rows are the objects that custom-columns shows, one a line; nil means object alone.
	rows []any
	// names is what name shows, one a line.
	names []string
	// text prints for people; wide asks for more columns.
	text func(p page) error
}

// page is where text for people goes.
type page struct {
	io.Writer
	streams
	wide  bool
	color bool
	// bare leaves the headers of tables out.
	bare bool
}

// table begins a table of a listing, which has no headers where none are wanted.
func (p page) table(header ...string) *table { return &table{header: header, bare: p.bare} }

// printf prints data. An error of the writer shows up where the next flush or exit would: a closed pipe ends us anyhow.
func (p page) printf(format string, args ...any) { _, _ = fmt.Fprintf(p.Writer, format, args...) }

// print prints the result in the form that was asked for.
func (d *deps) print(v view) error {
	f, err := parseFormat(d.output)
	if err != nil {
		return err
	}
	switch f.kind {
	case formatJSON:
		return printWith(&printers.JSONPrinter{}, d.out, v.object)
	case formatYAML:
		return printWith(&d.yaml, d.out, v.object)
	case formatName:
		return printLines(d.out, v.names)
	case formatPath:
		return printPath(d.out, f.template, v.object)
	case formatColumns:
		return printColumns(d.out, f.template, v.rowsOrObject(), d.noHeaders)
	case formatGo:
		return printGoTemplate(d.out, f.template, v.object)
	default:
		return v.text(page{
			Writer: d.out, streams: d.streams, wide: f.kind == formatWide, color: d.color(), bare: d.noHeaders,
		})
	}
}

func (v view) rowsOrObject() []any {
	if v.rows == nil {
		return []any{v.object}
	}
	return v.rows
}

// rowsOf is the elements of a slice, for view.rows. It is never nil.
func rowsOf[T any](items []T) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item
	}
	return out
}

// printWith uses a printer of cli-runtime, which prints raw JSON of any form when it comes as runtime.Unknown.
func printWith(p printers.ResourcePrinter, w io.Writer, object any) error {
	raw, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	return p.PrintObj(&runtime.Unknown{Raw: raw}, w)
}

func printLines(w io.Writer, lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// printPath is cli-runtime's JSONPathPrinter for results that may also be lists, and with short errors. As with
// kubectl, what is not there is printed as nothing.
func printPath(w io.Writer, template string, object any) error {
	path := jsonpath.New("output").AllowMissingKeys(true)
	if err := path.Parse(template); err != nil {
		return usagef("jsonpath %q: %w", template, err)
	}
	data, err := generic(object)
	if err != nil {
		return err
	}
	if err := path.Execute(w, data); err != nil {
		return fmt.Errorf("jsonpath %q: %w", template, err)
	}
	return nil
}

// printGoTemplate is kubectl's; its template gets a list that is no object as .items, so that the same text does for
// both.
func printGoTemplate(w io.Writer, template string, object any) error {
	p, err := printers.NewGoTemplatePrinter([]byte(template))
	if err != nil {
		return usagef("go-template %q: %w", template, err)
	}
	p.AllowMissingKeys(true)
	data, err := generic(object)
	if err != nil {
		return err
	}
	if list, ok := data.([]any); ok {
		object = map[string]any{"items": list}
	}
	return printWith(p, w, object)
}

// generic is an object as a JSON reader without its type would have it.
func generic(object any) (any, error) {
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encoding the result: %w", err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, errors.Join(errors.New("decoding the result"), err)
	}
	return out, nil
}
