package placement

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// term is one nodeSelectorTerm, kept to say why it matches or not. Only the first maxDetails terms are kept; which
// terms count is not decided with it.
type term struct {
	index        int
	source       *corev1.NodeSelectorTerm
	matcher      *nodeaffinity.NodeSelector
	parseError   error
	requirements []requirement
}

// requirement is one entry of matchExpressions or matchFields with a matcher of its own.
type requirement struct {
	source  *corev1.NodeSelectorRequirement
	isField bool
	matcher *nodeaffinity.NodeSelector
}

func compileTerms(required *corev1.NodeSelector) []term {
	if required == nil {
		return nil
	}
	terms := make([]term, 0, min(len(required.NodeSelectorTerms), maxDetails))
	for i := range min(len(required.NodeSelectorTerms), maxDetails) {
		terms = append(terms, compileTerm(required, i))
	}
	return terms
}

func compileTerm(required *corev1.NodeSelector, index int) term {
	source := &required.NodeSelectorTerms[index]
	matcher, err := nodeaffinity.NewNodeSelector(alone(*source, index))
	compiled := term{index: index, source: source, matcher: matcher, parseError: err}
	if err != nil {
		return compiled
	}
	for i := range source.MatchExpressions {
		compiled.add(&source.MatchExpressions[i], false)
	}
	for i := range source.MatchFields {
		compiled.add(&source.MatchFields[i], true)
	}
	return compiled
}

// add expects a requirement of a term that was parsed without an error.
func (t *term) add(source *corev1.NodeSelectorRequirement, isField bool) {
	single := corev1.NodeSelectorTerm{}
	if isField {
		single.MatchFields = []corev1.NodeSelectorRequirement{*source}
	} else {
		single.MatchExpressions = []corev1.NodeSelectorRequirement{*source}
	}
	matcher, err := nodeaffinity.NewNodeSelector(alone(single, 0))
	if err == nil {
		t.requirements = append(t.requirements, requirement{source: source, isField: isField, matcher: matcher})
	}
}

// alone is a node selector in which the term keeps its index, which the parser's errors name, and nothing else counts:
// empty terms match no node.
func alone(source corev1.NodeSelectorTerm, index int) *corev1.NodeSelector {
	return &corev1.NodeSelector{NodeSelectorTerms: append(make([]corev1.NodeSelectorTerm, index), source)}
}

func (t *term) empty() bool {
	return len(t.source.MatchExpressions) == 0 && len(t.source.MatchFields) == 0
}

func (t *term) matches(node *corev1.Node) bool { return t.matcher != nil && t.matcher.Match(node) }

func (c *Compiled) affinityReason(node *corev1.Node) Reason {
	switch {
	case c.required == nil:
		return passed(NodeAffinity, "no required node affinity is set")
	case c.fitsAffinity(node):
		return passed(NodeAffinity, c.matchingTerm(node))
	}
	return Reason{Predicate: NodeAffinity, Message: c.failedTerms(node), Remedy: c.affinityRemedy(node)}
}

func (c *Compiled) matchingTerm(node *corev1.Node) string {
	i := slices.IndexFunc(c.terms, func(t term) bool { return t.matches(node) })
	if i < 0 {
		return fmt.Sprintf("one of the nodeSelectorTerms after the first %d matches", maxDetails)
	}
	texts := make([]string, len(c.terms[i].requirements))
	for n, r := range c.terms[i].requirements {
		texts[n] = r.String()
	}
	return fmt.Sprintf("nodeSelectorTerms[%d] matches: %s", c.terms[i].index, joinSome(texts, ", "))
}

func (c *Compiled) failedTerms(node *corev1.Node) string {
	count := len(c.required.NodeSelectorTerms)
	if count == 0 {
		return "nodeSelectorTerms is an empty list, which matches no node"
	}
	texts := make([]string, 0, len(c.terms)+1)
	for i := range c.terms {
		texts = append(texts, fmt.Sprintf("nodeSelectorTerms[%d] %s", i, c.terms[i].failure(node)))
	}
	if rest := count - len(c.terms); rest > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", rest))
	}
	return strings.Join(texts, "; ")
}

// failure says why a term does not match.
func (t *term) failure(node *corev1.Node) string {
	switch {
	case t.empty():
		return "is empty, which matches no node"
	case t.parseError != nil:
		return fmt.Sprintf("cannot be used and so matches no node (%v)", t.parseError)
	}
	var texts []string
	for _, r := range t.requirements {
		if !r.matcher.Match(node) {
			texts = append(texts, fmt.Sprintf("wants %s: %s", r, r.found(node)))
		}
	}
	return joinSome(texts, ", ")
}

// String gives the requirement in the order in which it is written: key, operator, values.
func (r requirement) String() string {
	text := r.source.Key + " " + string(r.source.Operator)
	if r.isField {
		text = "field " + text
	}
	if len(r.source.Values) == 0 {
		return text
	}
	return fmt.Sprintf("%s [%s]", text, joinSome(r.source.Values, ", "))
}

// found says what the node has where the requirement looks.
func (r requirement) found(node *corev1.Node) string {
	switch {
	case r.isField && r.source.Key == nodeNameField:
		return "the node is " + nameOf(node)
	case r.isField:
		return "a node has no such field, which reads as empty"
	}
	text := labelOf(node, r.source.Key)
	if value, ok := node.Labels[r.source.Key]; ok && r.isComparison() && !isInteger(value) {
		text += ", which is not a 64-bit integer"
	}
	return text
}

func (r requirement) isComparison() bool {
	return r.source.Operator == corev1.NodeSelectorOpGt || r.source.Operator == corev1.NodeSelectorOpLt
}
