package strictyaml

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// scanner checks a node tree for what YAML allows and JSON, kubectl or a careful reader does not.
type scanner struct {
	*parser
	bad     bool                    // the document's value cannot be had
	merged  int                     // nodes that merges stand for, so far
	counts  map[*yaml.Node]int      // nodes below an anchor, itself included
	heights map[*yaml.Node]int      // levels below an anchor
	open    map[*yaml.Node]struct{} // anchors being walked: an alias to one would never end
}

// scan reports what is wrong with a document's tree and says whether its value can be had all the same.
func (p *parser) scan(root *yaml.Node, hidden bool) bool {
	s := scanner{parser: p, counts: map[*yaml.Node]int{}, heights: map[*yaml.Node]int{}, open: map[*yaml.Node]struct{}{}}
	n := s.node(root, 1, hidden)
	if !s.bad && n > p.nodes {
		p.tooManyNodes(spot{root.Line, root.Column, 1})
		return false
	}
	p.nodes -= n
	return !s.bad
}

// failAt does not look for the place of what is only counted: on long lines that is dear.
func (s *scanner) failAt(n *yaml.Node, hidden bool, message, hint string) {
	at := spot{n.Line, n.Column, 1}
	if !s.problems.Full(diag.Error) {
		at = s.src.at(n)
	}
	s.fail(at, hidden, message, hint)
}

func (s *scanner) stop(n *yaml.Node, hidden bool, message, hint string) {
	s.bad = true
	s.failAt(n, hidden, message, hint)
}

// node walks one node and gives how many nodes it stands for, at most a little more than what is left of the limit.
func (s *scanner) node(n *yaml.Node, depth int, hidden bool) int {
	if depth > s.lim.MaxDepth {
		if !s.bad {
			s.stop(n, hidden, fmt.Sprintf("nested deeper than %d levels", s.lim.MaxDepth), "")
		}
		return 1
	}
	s.tag(n, hidden)
	switch n.Kind {
	case yaml.AliasNode:
		return s.alias(n, depth, hidden)
	case yaml.MappingNode:
		return s.anchored(n, func() int { return s.mapping(n, depth, hidden || looksSecret(n)) })
	case yaml.SequenceNode:
		return s.anchored(n, func() int { return s.sequence(n, depth, hidden) })
	}
	s.scalar(n, hidden)
	return 1
}

func (s *scanner) anchored(n *yaml.Node, walk func() int) int {
	if n.Anchor == "" {
		return walk()
	}
	s.open[n] = struct{}{}
	count := walk()
	delete(s.open, n)
	s.counts[n] = count
	return count
}

func (s *scanner) alias(n *yaml.Node, depth int, hidden bool) int {
	if _, ok := s.open[n.Alias]; ok {
		s.stop(n, hidden, "an alias inside of what it stands for", "")
		return 1
	}
	if !s.bad && depth+s.height(n.Alias) > s.lim.MaxDepth {
		s.stop(n, hidden, fmt.Sprintf("nested deeper than %d levels", s.lim.MaxDepth), "")
	}
	return max(1, s.counts[n.Alias])
}

// height is how many levels stand below a node, aliases followed. There must be no alias inside of what it stands for.
func (s *scanner) height(n *yaml.Node) int {
	n = resolve(n)
	if h, ok := s.heights[n]; ok {
		return h
	}
	h := 0
	for _, c := range n.Content {
		h = max(h, 1+s.height(c))
	}
	if n.Anchor != "" {
		s.heights[n] = h
	}
	return h
}

func (s *scanner) sequence(n *yaml.Node, depth int, hidden bool) int {
	count := 1
	for _, c := range n.Content {
		count = s.sum(count, s.node(c, depth+1, hidden))
	}
	return count
}

func (s *scanner) sum(a, b int) int { return min(a+b, s.lim.MaxNodes+1) }

func (s *scanner) mapping(n *yaml.Node, depth int, hidden bool) int {
	count := 1
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		size := s.node(value, depth+1, hidden)
		count = s.sum(count, 1+size)
		if isMerge(key) {
			if s.merged += size; !s.bad && s.merged <= s.lim.MaxNodes {
				s.merge(key, value, first, hidden)
			}
			continue
		}
		name, ok := s.key(key, hidden)
		if !ok {
			continue
		}
		if before, dup := first[name]; dup && s.problems.Full(diag.Error) {
			s.problems.Add(diag.Problem{Severity: diag.Error})
			continue
		} else if dup {
			s.failAt(key, hidden, "duplicate key"+keyName(name, hidden), fmt.Sprintf("it stands first on line %d", before.Line))
			continue
		}
		first[name] = key
	}
	return count
}

// key is the text of a mapping's key as kubectl has it.
func (s *scanner) key(n *yaml.Node, hidden bool) (string, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if text, at, ok := s.placeholderKey(n); ok {
		s.bad = true
		s.failTemplate(at, hidden, text)
		return "", false
	}
	if n.Kind != yaml.ScalarNode {
		s.stop(n, hidden, "a list or a mapping as a key, wanted a string", "")
		return "", false
	}
	name, ok := keyText(n)
	if !ok {
		s.stop(n, hidden, "a null key, wanted a string", "quote it if it is meant")
		return "", false
	}
	if name != n.Value {
		s.problems.Add(s.src.problem(diag.Warning, s.src.at(n), fmt.Sprintf("the unquoted key%s is read as%s",
			keyName(n.Value, hidden), keyName(name, hidden)), "quote it", hidden))
	}
	return name, true
}

// merge checks the value of a "<<" key. What a merge brings must not replace a key that was written out: in YAML the
// written one wins, in the library that kubectl uses the later one does.
func (s *scanner) merge(key, value *yaml.Node, before map[string]*yaml.Node, hidden bool) {
	for _, m := range mergeSources(value) {
		if m.Kind != yaml.MappingNode {
			s.stop(key, hidden, `"<<" merges mappings, found something else`, "")
			return
		}
		for _, name := range slices.Sorted(keysOf(m)) {
			if _, ok := before[name]; ok {
				s.failAt(key, hidden, fmt.Sprintf(`"<<" also brings the key%s, which is written above it`, keyName(name, hidden)),
					`put "<<" first`)
			}
		}
	}
}

// tag refuses tags that have no meaning in JSON.
func (s *scanner) tag(n *yaml.Node, hidden bool) {
	if n.Style&yaml.TaggedStyle == 0 {
		return
	}
	known := []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!merge", "!!timestamp"}
	if slices.Contains(known, n.ShortTag()) {
		return
	}
	name := " " + n.ShortTag()
	hint := "remove the tag"
	if hidden {
		name = ""
	} else if n.ShortTag() == "!!binary" {
		hint = "write base64 text where base64 is wanted, such as binaryData, without a tag"
	}
	s.bad = true
	s.fail(s.src.atTag(n), hidden, fmt.Sprintf("the tag%s is not supported", name), hint)
}

// scalar refuses the numbers that JSON does not have.
func (s *scanner) scalar(n *yaml.Node, hidden bool) {
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 ||
		n.ShortTag() != "!!float" {
		return
	}
	switch strings.ToLower(strings.TrimLeft(n.Value, "+-")) {
	case ".inf", ".nan":
		message, hint := fmt.Sprintf("unquoted %s is not a number that JSON has", n.Value),
			fmt.Sprintf("quote it: %q", n.Value)
		if hidden {
			message, hint = "a number that JSON does not have", "quote it"
		}
		s.stop(n, hidden, message, hint)
	}
}
