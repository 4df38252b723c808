package strictyaml

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
	kjson "sigs.k8s.io/json"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// Decode fills into, a pointer to a struct with json tags, and reports all that is wrong: unknown fields, keys in the
// wrong case, values of a wrong type, each at its place. When the result has errors, into holds what the rest of the
// document says, so that it can still be looked at for further mistakes.
func (d *Document) Decode(into any) diag.List {
	w := walker{doc: d, fields: map[reflect.Type]structFields{}}
	t := reflect.TypeOf(into)
	if t == nil || t.Kind() != reflect.Pointer {
		return diag.List{w.problem(at{}, fmt.Sprintf("cannot decode into a %T", into), "")}
	}
	value := w.walk(at{node: d.node}, d.value, t.Elem())
	w.final(value, into)
	return w.list.List()
}

// final decodes what the walk left. The walk must have found everything; what it missed is reported all the same.
func (w *walker) final(value, into any) {
	data, err := canonical(value)
	if err != nil {
		w.list.Add(w.problem(at{}, "cannot be decoded", ""))
		return
	}
	strict, err := kjson.UnmarshalStrict(data, into)
	for _, e := range strict {
		w.list.Add(w.leftover(e))
	}
	if err != nil {
		w.list.Add(w.leftover(err))
	}
}

var quotedPath = regexp.MustCompile(`field "([^"]+)"`)

func (w *walker) leftover(err error) diag.Problem {
	path := ""
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		path = e.Field
	} else if m := quotedPath.FindStringSubmatch(err.Error()); m != nil {
		path = m[1]
	}
	message := err.Error()
	if w.doc.hidden {
		message = "cannot be decoded"
	}
	return w.doc.Problem(diag.Error, path, message, "")
}

// walker compares a value with a type, with the node tree at hand for the places.
type walker struct {
	doc    *Document
	fields map[reflect.Type]structFields
	list   diag.Collector
}

// at is where in the document a walk stands.
type at struct {
	path string
	key  *yaml.Node // nil for the root and for elements of a list
	node *yaml.Node // nil to point at the key
}

func (w *walker) problem(a at, message, hint string) diag.Problem {
	place := w.doc.src.at(firstNode(w.doc.node))
	if a.node != nil {
		place = w.doc.spotOf(a.key, a.node)
	} else if a.key != nil {
		place = w.doc.src.at(a.key)
	}
	p := w.doc.src.problem(diag.Error, place, message, hint, w.doc.hidden)
	p.Path = a.path
	return p
}

func (w *walker) fail(a at, message, hint string) drop {
	if w.full() {
		return drop{}
	}
	w.list.Add(w.problem(a, message, hint))
	return drop{}
}

// full says whether an error would only be counted, and counts it.
func (w *walker) full() bool {
	if !w.list.Full(diag.Error) {
		return false
	}
	w.list.Add(diag.Problem{Severity: diag.Error})
	return true
}

// drop stands for a value that must not be decoded.
type drop struct{}

// walk gives the value that can be decoded into t: v without what is wrong with it.
func (w *walker) walk(a at, v any, t reflect.Type) any {
	t = indirect(t)
	if v == nil {
		return nil
	}
	if check, ok := w.special(t); ok {
		return check(a, v)
	}
	switch t.Kind() {
	case reflect.Struct:
		return w.structure(a, v, t)
	case reflect.Map:
		return w.mapping(a, v, t.Elem())
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return w.bytes(a, v)
		}
		return w.sequence(a, v, t.Elem())
	case reflect.String:
		return w.text(a, v)
	case reflect.Bool:
		return w.boolean(a, v)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return w.integer(a, v, -math.Ldexp(1, t.Bits()-1), math.Ldexp(1, t.Bits()-1)-1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return w.integer(a, v, 0, math.Ldexp(1, t.Bits())-1)
	case reflect.Float32, reflect.Float64:
		return w.number(a, v)
	}
	return v
}

func (w *walker) structure(a at, v any, t reflect.Type) any {
	m, ok := v.(map[string]any)
	if !ok {
		return w.wrong(a, v, "a mapping", "")
	}
	fields := w.fieldsOf(t)
	nodes := index(a.node)
	out := make(map[string]any, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		sub := at{join(a.path, name), nodes[name].key, nodes[name].value}
		if w.doc.ignored[sub.path] {
			continue
		}
		typ, known := fields[name]
		if !known {
			w.unknown(a, sub, name, fields)
			continue
		}
		if clean := w.walk(sub, m[name], typ); clean != (drop{}) {
			out[name] = clean
		}
	}
	return out
}

func (w *walker) mapping(a at, v any, elem reflect.Type) any {
	m, ok := v.(map[string]any)
	if !ok {
		return w.wrong(a, v, "a mapping", "")
	}
	nodes := index(a.node)
	out := make(map[string]any, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		sub := at{w.inMap(a.path, name), nodes[name].key, nodes[name].value}
		if clean := w.walk(sub, m[name], elem); clean != (drop{}) {
			out[name] = clean
		}
	}
	return out
}

func (w *walker) inMap(path, name string) string {
	if w.doc.hidden && !plainName(name) {
		return path
	}
	return path + "[" + name + "]"
}

func (w *walker) sequence(a at, v any, elem reflect.Type) any {
	list, ok := v.([]any)
	if !ok {
		return w.wrong(a, v, "a list", `begin each element with "- "`)
	}
	nodes := resolve(a.node)
	out := make([]any, 0, len(list))
	for i, v := range list {
		sub := at{path: fmt.Sprintf("%s[%d]", a.path, i), key: a.key}
		if nodes != nil && i < len(nodes.Content) {
			sub.key, sub.node = nil, nodes.Content[i]
		}
		clean := w.walk(sub, v, elem)
		if clean == (drop{}) {
			clean = nil // keep the indices of the others
		}
		out = append(out, clean)
	}
	return out
}

func (w *walker) unknown(parent, a at, name string, fields structFields) {
	if w.full() {
		return
	}
	message := "unknown field" + keyName(name, w.doc.hidden)
	if parent.path != "" {
		message += " in " + Leaf(parent.path)
	}
	path := a.path
	if w.doc.hidden && !plainName(name) {
		path = parent.path
	}
	w.list.Add(w.problem(at{path: path, key: a.key}, message, w.unknownHint(name, fields)))
}

func (w *walker) bytes(a at, v any) any {
	s, ok := v.(string)
	if !ok {
		return w.wrong(a, v, "base64 text", w.quoteHint(a.node, v))
	}
	if _, err := base64.StdEncoding.DecodeString(s); err != nil {
		hint := ""
		if w.doc.hidden {
			hint = "put plain text under stringData"
		}
		return w.fail(a, Leaf(a.path)+" is not valid base64", hint)
	}
	return v
}
