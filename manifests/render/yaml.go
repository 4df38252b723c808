package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxKey is the longest key that is written. YAML lets a reader take a key for none after 1024 characters.
const maxKey = 1000

// plain matches text that stands for itself without quotes, whatever the reader's version of YAML, unless it is a word
// of reserved. It leaves out more than it has to: quotes do no harm.
var plain = regexp.MustCompile(
	`^(?:-{0,2}[A-Za-z/][A-Za-z0-9_./@=,+%-]*(?:[: ][A-Za-z0-9_./@=,+%-]+)*|[0-9]+(?:m|Ki|Mi|Gi|Ti))$`,
)

// reserved are the words that some version of YAML takes for a truth value or for nothing, in lower case.
var reserved = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// toYAML writes a JSON text as YAML in block style with sorted keys.
//
// It is not left to a library because of what the bytes are for. No upgrade may change them. Every line has to end with
// a line feed, where libraries also write the other line breaks of YAML 1.1 as they are (U+0085, U+2028), so that text
// in the pod could break up the line of the checksum. And what Kubernetes reads YAML with (a fork of yaml.v2) must read
// back what was meant: here the only styles are those that leave no doubt.
func toYAML(asJSON []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(asJSON))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	var w yamlWriter
	w.value(v, 0)
	return w.out.Bytes(), w.err
}

type yamlWriter struct {
	out bytes.Buffer
	err error
}

// value writes what begins at the given column; the cursor is there already. It ends with a line feed.
func (w *yamlWriter) value(v any, column int) {
	switch v := v.(type) {
	case map[string]any:
		w.mapping(v, column)
	case []any:
		w.sequence(v, column)
	case string:
		w.out.WriteString(scalar(v, column) + "\n")
	case nil:
		w.out.WriteString("null\n")
	default: // json.Number, bool
		fmt.Fprintln(&w.out, v)
	}
}

func (w *yamlWriter) mapping(m map[string]any, column int) {
	if len(m) == 0 {
		w.out.WriteString("{}\n")
		return
	}
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if len(key) > maxKey && w.err == nil {
			w.err = fmt.Errorf("the key %.40q... has %d bytes, more than the %d that a key may have", key, len(key), maxKey)
		}
		if i > 0 {
			w.indent(column)
		}
		w.out.WriteString(scalar(key, -1) + ":")
		w.child(m[key], column)
	}
}

// child writes a key's value: on the key's line if it fits there, else below it.
func (w *yamlWriter) child(v any, column int) {
	below := column + 2
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 {
			w.out.WriteByte('\n')
			w.indent(below)
			w.value(v, below)
			return
		}
	case []any:
		if len(v) > 0 {
			// As kubectl writes it: the dashes stand under the key.
			w.out.WriteByte('\n')
			w.indent(column)
			w.value(v, column)
			return
		}
	}
	w.out.WriteByte(' ')
	w.value(v, below)
}

func (w *yamlWriter) sequence(list []any, column int) {
	if len(list) == 0 {
		w.out.WriteString("[]\n")
		return
	}
	for i, v := range list {
		if i > 0 {
			w.indent(column)
		}
		w.out.WriteString("- ")
		w.value(v, column+2)
	}
}

func (w *yamlWriter) indent(column int) { w.out.WriteString(strings.Repeat(" ", column)) }

// scalar writes text without the last line feed: as it is, as a block of lines from the given column on, or in quotes.
// Go's quoting is a subset of YAML's. A negative column allows no block.
func scalar(s string, column int) string {
	switch {
	case plain.MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)):
		return s
	case column >= 0 && blockable(s):
		return block(s, column)
	}
	return strconv.Quote(s)
}

// blockable tells whether text has several lines and none that would need more than an indentation to be read back:
// nothing that does not print, no space at either end of a line, no empty line at either end of the text.
func blockable(s string) bool {
	body := strings.TrimSuffix(s, "\n")
	if !strings.Contains(s, "\n") || strings.Trim(body, "\n ") != body || body == "" {
		return false
	}
	for _, r := range body {
		if r != '\n' && !unicode.IsPrint(r) {
			return false
		}
	}
	return !strings.Contains(body, " \n")
}

func block(s string, column int) string {
	var b strings.Builder
	body, ended := strings.CutSuffix(s, "\n")
	b.WriteString("|")
	if !ended {
		b.WriteString("-")
	}
	for line := range strings.SplitSeq(body, "\n") {
		b.WriteByte('\n')
		if line != "" {
			b.WriteString(strings.Repeat(" ", column) + line)
		}
	}
	return b.String()
}
