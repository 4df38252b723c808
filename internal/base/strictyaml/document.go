package strictyaml

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// Document is one YAML document or JSON value of a file, or one item of a list in it. It is not safe for use by several
// goroutines while Ignore or HideSnippets may be called.
type Document struct {
	// File is the path as it was given to Parse.
	File string
	// Index counts the documents of the file from 0, those that are empty or cannot be parsed left out of Parse's result
	// but the latter counted. The items of a list have the list's.
	Index int
	// Line and Column are the place of the first key, from 1.
	Line, Column int

	src        *source
	node       *yaml.Node
	value      any
	ignored    map[string]bool // field paths that Decode leaves out
	hidden     bool
	apiVersion string // for items of a typed list, which need not say it
	kind       string
}

func newDocument(src *source, index int, node *yaml.Node, value any) *Document {
	first := firstNode(node)
	return &Document{
		File: src.file, Index: index, Line: first.Line, Column: first.Column,
		src: src, node: node, value: value, hidden: hides(node),
	}
}

// firstNode is where a reader sees a node begin: at its first key, or the first key of its first element.
func firstNode(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 {
		n = n.Content[0]
	}
	return n
}

// HideSnippets makes every Problem of the document show its place alone: no line of the file and no value. Documents
// that look like a Secret are hidden from the start.
func (d *Document) HideSnippets() { d.hidden = true }

// Hidden says whether problems of the document show nothing of its content.
func (d *Document) Hidden() bool { return d.hidden }

// IsObject says whether the document is a mapping, as every Kubernetes object is.
func (d *Document) IsObject() bool { _, ok := d.value.(map[string]any); return ok }

// Kind is the value of the key kind, "" when there is none or it is no string.
func (d *Document) Kind() string { return d.header("kind", d.kind) }

// APIVersion is the value of the key apiVersion, "" when there is none or it is no string.
func (d *Document) APIVersion() string { return d.header("apiVersion", d.apiVersion) }

func (d *Document) header(key, inherited string) string {
	m, _ := d.value.(map[string]any)
	if s, ok := m[key].(string); ok {
		return s
	}
	return inherited
}

// Has says whether the document has a value, null not counted, at a path of keys.
func (d *Document) Has(path ...string) bool {
	v, ok := d.get(path)
	return ok && v != nil
}

func (d *Document) get(path []string) (any, bool) {
	v := d.value
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

// Value is what the document says at a field path (see Problem): string, bool, int64, float64, []any, map[string]any or
// nil. It says false when the document says nothing there.
func (d *Document) Value(fieldPath string) (any, bool) {
	v := d.value
	for path := parsePath(fieldPath); len(path) > 0; {
		switch in := v.(type) {
		case []any:
			i, err := strconv.Atoi(path[0].name)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v, path = in[i], path[1:]
		case map[string]any:
			used := 0
			if v, used = member(in, path); used == 0 {
				return nil, false
			}
			path = path[used:]
		default:
			return nil, false
		}
	}
	return v, true
}

// Canonical is the JSON of the value at a path of keys as it was written: sorted keys, no white space, no HTML escapes,
// numbers as kubectl would send them. It says false when there is no such value.
func (d *Document) Canonical(path ...string) ([]byte, bool) {
	v, ok := d.get(path)
	if !ok {
		return nil, false
	}
	data, err := canonical(v)
	return data, err == nil
}

func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Ignore makes Decode leave a value out, whatever is in it, and says whether the document has a value there that is not
// null. Canonical still has it.
func (d *Document) Ignore(path ...string) bool {
	if d.ignored == nil {
		d.ignored = map[string]bool{}
	}
	d.ignored[strings.Join(path, ".")] = true
	return d.Has(path...)
}

// Items is the elements of the key items as documents of their own: their paths begin at the item. An item without
// apiVersion and kind takes them from the list when that says what it lists (DaemonSetList). Nil when there are none.
func (d *Document) Items() []*Document {
	_, seqNode := lookup(d.node, "items")
	list, ok := d.get([]string{"items"})
	values, isList := list.([]any)
	if seqNode = resolve(seqNode); !ok || !isList || seqNode == nil || len(seqNode.Content) != len(values) {
		return nil
	}
	kind := strings.TrimSuffix(d.Kind(), "List")
	out := make([]*Document, len(values))
	for i, v := range values {
		item := newDocument(d.src, d.Index, seqNode.Content[i], v)
		item.hidden = item.hidden || d.hidden || looksSecret(resolve(seqNode.Content[i]))
		if kind != "" {
			item.kind, item.apiVersion = kind, d.APIVersion()
		}
		out[i] = item
	}
	return out
}

// Problem is a finding about a field of the document. The path is written as in Kubernetes' messages:
// spec.containers[0].ports[1].hostPort, metadata.labels[a.b/c]. The place is that of the value, or of its key when the
// value is a list or a mapping; where there is no such field it is that of the nearest one around it.
func (d *Document) Problem(sev diag.Severity, fieldPath, message, hint string) diag.Problem {
	_, at := d.find(parsePath(fieldPath))
	return d.problemAt(at, sev, fieldPath, message, hint)
}

// KeyProblem is Problem at the key of the field instead of its value.
func (d *Document) KeyProblem(sev diag.Severity, fieldPath, message, hint string) diag.Problem {
	key, at := d.find(parsePath(fieldPath))
	if key != nil {
		at = d.src.at(key)
	}
	return d.problemAt(at, sev, fieldPath, message, hint)
}

func (d *Document) problemAt(at spot, sev diag.Severity, fieldPath, message, hint string) diag.Problem {
	p := d.src.problem(sev, at, message, hint, d.hidden)
	p.Path = d.Shown(fieldPath)
	return p
}
