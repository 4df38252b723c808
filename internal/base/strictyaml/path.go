package strictyaml

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// step is one element of a field path: a key or an index. start is its offset in the path, that of the bracket if it
// has one.
type step struct {
	name  string
	index bool
	start int
}

// parsePath splits a path in the notation of k8s.io/apimachinery/pkg/util/validation/field.
func parsePath(path string) []step {
	var out []step
	for at := 0; at < len(path); {
		rest := path[at:]
		switch rest[0] {
		case '.':
			at++
		case '[':
			end := bracketEnd(rest)
			name := rest[1:end]
			_, err := strconv.Atoi(name)
			out = append(out, step{name: name, index: err == nil, start: at})
			at = min(at+end+1, len(path))
		default:
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			out = append(out, step{name: rest[:end], start: at})
			at += end
		}
	}
	return out
}

// bracketEnd is where the bracket that path begins with is closed: the first "]" that ends the path or stands before
// another step, since a key may hold a bracket itself.
func bracketEnd(path string) int {
	for i := 1; i < len(path); i++ {
		if path[i] == ']' && (i+1 == len(path) || path[i+1] == '.' || path[i+1] == '[') {
			return i
		}
	}
	return len(path)
}

// find is the key, if it has one, and the spot of a path or of the nearest thing around it.
func (d *Document) find(path []step) (key *yaml.Node, best spot) {
	best = d.src.at(firstNode(d.node))
	n := d.node
	for len(path) > 0 {
		k, value, used := child(n, path)
		if value == nil {
			break
		}
		key, best, n, path = k, d.spotOf(k, value), value, path[used:]
	}
	return key, best
}

// spotOf is the value when it is a scalar or an alias, else the key, else (an element of a list) where it begins.
func (d *Document) spotOf(key, value *yaml.Node) spot {
	switch {
	case value.Kind == yaml.AliasNode, value.Kind == yaml.ScalarNode && (value.Value != "" || value.Style != 0):
		if value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 || key == nil {
			return d.src.at(value)
		}
	}
	if key != nil {
		return d.src.at(key)
	}
	return d.src.at(firstNode(value))
}

// child follows as few steps as lead to a value. Some paths join two keys by a dot that are one in the file.
func child(n *yaml.Node, path []step) (key, value *yaml.Node, used int) {
	n = resolve(n)
	switch n.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(path[0].name); err == nil && path[0].index && i >= 0 && i < len(n.Content) {
			return nil, n.Content[i], 1
		}
	case yaml.MappingNode:
		name := ""
		for i, s := range path {
			name = strings.TrimPrefix(name+"."+s.name, ".")
			if key, value = lookup(n, name); key != nil {
				return key, value, i + 1
			}
		}
	}
	return nil, nil, 0
}

// member is child for values.
func member(m map[string]any, path []step) (value any, used int) {
	name := ""
	for i, s := range path {
		name = strings.TrimPrefix(name+"."+s.name, ".")
		if v, ok := m[name]; ok {
			return v, i + 1
		}
	}
	return nil, 0
}

// join appends a key to a path: plain for a field, in brackets for the key of a map.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Leaf is the last element of a field path, for a message that is read on its own: image, ports[1] or labels[a.b/c];
// "the document" for the empty path.
func Leaf(path string) string {
	steps := parsePath(path)
	if len(steps) == 0 {
		return "the document"
	}
	last := steps[len(steps)-1]
	if path[last.start] == '[' && len(steps) > 1 {
		return Leaf(path[:last.start]) + path[last.start:]
	}
	return last.name
}

// Parent is a field path without its last element: spec.ports for spec.ports[1].
func Parent(path string) string {
	steps := parsePath(path)
	if len(steps) == 0 {
		return ""
	}
	return strings.TrimSuffix(path[:steps[len(steps)-1].start], ".")
}

// Shown is a field path as far as it may be told: of a Secret no key that looks like a value.
func (d *Document) Shown(path string) string {
	if !d.hidden {
		return path
	}
	for _, s := range parsePath(path) {
		if !plainName(s.name) {
			return strings.TrimSuffix(path[:s.start], ".")
		}
	}
	return path
}
