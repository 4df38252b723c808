package strictyaml

import (
	"iter"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
	kyaml "sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && key.ShortTag() == "!!merge"
}

// mergeSources is the nodes that the value of a "<<" key names, the one that wins first.
func mergeSources(value *yaml.Node) []*yaml.Node {
	value = resolve(value)
	if value.Kind != yaml.SequenceNode {
		return []*yaml.Node{value}
	}
	out := make([]*yaml.Node, len(value.Content))
	for i, c := range value.Content {
		out[i] = resolve(c)
	}
	return out
}

// lookup finds a key in a mapping: written out (the last of duplicates, as kubectl takes it), else merged.
func lookup(m *yaml.Node, name string) (key, value *yaml.Node) {
	m = resolve(m)
	if m == nil || m.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := len(m.Content) - 2; i >= 0; i -= 2 {
		if isMerge(m.Content[i]) {
			continue
		}
		if text, ok := keyText(m.Content[i]); ok && text == name {
			return m.Content[i], m.Content[i+1]
		}
	}
	for i := len(m.Content) - 2; i >= 0; i -= 2 {
		if !isMerge(m.Content[i]) {
			continue
		}
		for _, src := range mergeSources(m.Content[i+1]) {
			if key, value = lookup(src, name); key != nil {
				return key, value
			}
		}
	}
	return nil, nil
}

// keysOf is the keys of a mapping, merged ones included; some may come twice.
func keysOf(m *yaml.Node) iter.Seq[string] {
	return func(yield func(string) bool) { eachKey(m, yield) }
}

func eachKey(m *yaml.Node, yield func(string) bool) bool {
	if m = resolve(m); m == nil || m.Kind != yaml.MappingNode {
		return true
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if isMerge(m.Content[i]) {
			for _, src := range mergeSources(m.Content[i+1]) {
				if !eachKey(src, yield) {
					return false
				}
			}
			continue
		}
		if text, ok := keyText(m.Content[i]); ok && !yield(text) {
			return false
		}
	}
	return true
}

// keyText is a key as kubectl has it: YAML 1.1 reads an unquoted 1.10 as a number and yes as true, and only then makes
// a string of it. False for what cannot be a key.
func keyText(n *yaml.Node) (string, bool) {
	n = resolve(n)
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0 ||
		!mayBeNoString(n.Value) {
		return n.Value, true
	}
	out := map[string]any{}
	if err := kyaml.Unmarshal([]byte(n.Value+": 0"), &out); err == nil {
		for k := range out {
			return k, true
		}
	}
	return n.Value, n.ShortTag() != "!!null"
}

// mayBeNoString is a quick guess that is never wrong when it says no.
func mayBeNoString(s string) bool {
	if s == "" {
		return true
	}
	if len(s) < 18 && strings.Trim(s, "0123456789") == "" && (s[0] != '0' || s == "0") {
		return false // a number that is written as it is read
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9', strings.IndexByte("+-.~", c) >= 0:
		return true
	}
	switch strings.ToLower(s) {
	case "y", "yes", "n", "no", "on", "off", "true", "false", "null":
		return true
	}
	return false
}

// looksSecret says whether a mapping is, or was perhaps meant to be, a Kubernetes Secret (or a list of them), of which
// no line is ever shown. Merged keys are not looked at: see hides.
func looksSecret(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), resolve(n.Content[i+1])
		if strings.EqualFold(key.Value, "stringData") || strings.EqualFold(key.Value, "kind") && secretKind(value.Value) {
			return true
		}
	}
	return false
}

func secretKind(kind string) bool {
	_, near := diag.Suggest(kind, []string{"Secret"})
	return near || strings.HasPrefix(strings.ToLower(kind), "secret")
}

// hides says whether nothing of a whole document may be shown: it is a Secret, or it has one somewhere whose text may
// stand anywhere (it uses aliases) or on a line with something else (it is written in braces).
func hides(root *yaml.Node) bool {
	return looksSecret(root) || hasSecret(root) && (hasAlias(root) || hasFlowSecret(root))
}

func hasFlowSecret(n *yaml.Node) bool {
	return n.Style&yaml.FlowStyle != 0 && hasSecret(n) || slices.ContainsFunc(n.Content, hasFlowSecret)
}

func hasAlias(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}

// hasSecret says whether a tree has a Secret anywhere. Aliases are not followed: what they stand for is in the tree.
func hasSecret(n *yaml.Node) bool {
	return looksSecret(n) || slices.ContainsFunc(n.Content, hasSecret)
}

// entry is a key of a mapping and its value.
type entry struct{ key, value *yaml.Node }

// index is the keys of a mapping as lookup finds them, all at once.
func index(n *yaml.Node) map[string]entry {
	out := map[string]entry{}
	fill(out, n)
	return out
}

func fill(out map[string]entry, n *yaml.Node) {
	if n = resolve(n); n == nil || n.Kind != yaml.MappingNode {
		return
	}
	own := map[string]entry{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			continue
		}
		if text, ok := keyText(n.Content[i]); ok {
			own[text] = entry{n.Content[i], n.Content[i+1]}
		}
	}
	for name, e := range own {
		if _, ok := out[name]; !ok {
			out[name] = e
		}
	}
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		if !isMerge(n.Content[i]) {
			continue
		}
		for _, src := range mergeSources(n.Content[i+1]) {
			fill(out, src)
		}
	}
}
