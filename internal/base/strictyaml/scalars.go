package strictyaml

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// wrong reports a value of a wrong type.
func (w *walker) wrong(a at, v any, wanted, hint string) any {
	return w.fail(a, fmt.Sprintf("%s wants %s, found %s", Leaf(a.path), wanted, w.found(a.node, v)), hint)
}

func (w *walker) text(a at, v any) any {
	if _, ok := v.(string); ok {
		return v
	}
	return w.wrong(a, v, "a string", w.quoteHint(a.node, v))
}

func (w *walker) boolean(a at, v any) any {
	if _, ok := v.(bool); ok {
		return v
	}
	hint := ""
	if s, ok := v.(string); ok && slices.Contains([]string{"true", "false", "yes", "no", "on", "off"},
		strings.ToLower(s)) {
		hint = "write it without quotes"
	}
	return w.wrong(a, v, "true or false", hint)
}

func (w *walker) integer(a at, v any, least, most float64) any {
	switch n := v.(type) {
	case int64:
		if f := float64(n); f >= least && (f <= most || most >= math.MaxInt64) {
			return v
		}
	case float64:
		if n != math.Trunc(n) {
			return w.wrong(a, v, "an integer", "")
		}
		if n >= least && n <= most && math.Abs(n) < 1<<53 {
			return int64(n)
		}
	default:
		return w.wrong(a, v, "an integer", unquoteHint(v))
	}
	return w.wrong(a, v, fmt.Sprintf("an integer from %.0f to %.0f", least, most), "")
}

func (w *walker) number(a at, v any) any {
	switch v.(type) {
	case int64, float64:
		return v
	}
	return w.wrong(a, v, "a number", unquoteHint(v))
}

func unquoteHint(v any) string {
	s, ok := v.(string)
	if _, err := strconv.ParseFloat(s, 64); ok && err == nil {
		return "write it without quotes"
	}
	return ""
}

// quoteHint says how to write a value as the string that was wanted.
func (w *walker) quoteHint(n *yaml.Node, v any) string {
	switch v.(type) {
	case bool, int64, float64:
		if w.doc.hidden {
			return "quote it"
		}
		return fmt.Sprintf("quote it: %q", written(n, v))
	}
	return ""
}

// written is a scalar as it stands in the file.
func written(n *yaml.Node, v any) string {
	if n = resolve(n); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return fmt.Sprint(v)
}

// found describes a value. YAML 1.1 has traps, so that what was written and what it means are both told.
func (w *walker) found(n *yaml.Node, v any) string {
	raw := written(n, v)
	switch v := v.(type) {
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case string:
		if w.doc.hidden {
			return "a string"
		}
		return "the string " + quoteName(v)
	case bool:
		return w.plain(raw, "boolean", strconv.FormatBool(v))
	case int64:
		return w.plain(raw, "number", strconv.FormatInt(v, 10))
	case float64:
		return w.plain(raw, "number", strconv.FormatFloat(v, 'g', -1, 64))
	}
	return "nothing"
}

func (w *walker) plain(raw, kind, means string) string {
	switch {
	case w.doc.hidden:
		return "a " + kind
	case raw != means:
		return fmt.Sprintf("the %s %s (unquoted %s is %s in YAML)", kind, means, raw, means)
	}
	return fmt.Sprintf("the %s %s", kind, means)
}
