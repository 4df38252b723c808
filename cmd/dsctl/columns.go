package main

import (
	"fmt"
	"io"
	"strings"

	"k8s.io/client-go/util/jsonpath"
)

// maxColumns is how many custom columns are taken.
const maxColumns = 64

// column is one of custom-columns=HEADER:PATH,HEADER:PATH.
type column struct {
	header string
	path   *jsonpath.JSONPath
}

// parseColumns reads kubectl's notation: NAME:.metadata.name,IMAGE:{.spec.image}.
func parseColumns(spec string) ([]column, error) {
	parts := strings.Split(spec, ",")
	if len(parts) > maxColumns {
		return nil, usagef("custom-columns has %d columns, more than the %d allowed", len(parts), maxColumns)
	}
	var out []column
	for _, part := range parts {
		header, path, ok := strings.Cut(part, ":")
		if !ok || header == "" || path == "" {
			return nil, usagef("custom-columns: %q is no HEADER:PATH, such as NAME:.name", part)
		}
		jp := jsonpath.New(header).AllowMissingKeys(true)
		if err := jp.Parse(relaxed(path)); err != nil {
			return nil, usagef("custom-columns: %q: %w", part, err)
		}
		out = append(out, column{header: header, path: jp})
	}
	return out, nil
}

// relaxed makes a template of x.y, .x.y, {x.y} and {.x.y}.
func relaxed(path string) string {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "{"), "}")
	if !strings.HasPrefix(path, ".") && !strings.HasPrefix(path, "[") {
		path = "." + path
	}
	return "{" + path + "}"
}

func printColumns(w io.Writer, spec string, rows []any, bare bool) error {
	columns, err := parseColumns(spec)
	if err != nil {
		return err
	}
	t := table{header: headers(columns), bare: bare}
	for _, row := range rows {
		data, err := generic(row)
		if err != nil {
			return err
		}
		cells, err := cellsOf(columns, data)
		if err != nil {
			return err
		}
		t.add(cells...)
	}
	return t.write(w, 0)
}

func headers(columns []column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.header
	}
	return out
}

func cellsOf(columns []column, data any) ([]string, error) {
	var cells []string
	for _, c := range columns {
		found, err := c.path.FindResults(data)
		if err != nil {
			return nil, fmt.Errorf("custom-columns: %s: %w", c.header, err)
		}
		var texts []string
		for _, values := range found {
			for _, v := range values {
				if v.IsValid() && v.CanInterface() && v.Interface() != nil {
					texts = append(texts, fmt.Sprint(v.Interface()))
				}
			}
		}
		cells = append(cells, strings.Join(texts, ","))
	}
	return cells, nil
}
