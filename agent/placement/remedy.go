package placement

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// nodeNameField is the one field of a node that matchFields can look at.
const nodeNameField = "metadata.name"

// labelChange maps the key of a label to its new value, or to nil where the label is to be removed.
type labelChange map[string]*string

// remedy is the command that makes the change, or what else to do where no command can.
func (l labelChange) remedy(field string, node *corev1.Node) string {
	for _, key := range slices.Sorted(maps.Keys(l)) {
		if isFixed(key) {
			return fmt.Sprintf("change the %s: the agent sets the label %s from the machine itself", field, key)
		}
		if !isLabel(key, l[key]) {
			return fmt.Sprintf("correct the %s: no node can have the label %s", field, keyValue{key, *l[key]})
		}
	}
	return l.command(node)
}

// command is what to type on the node. A label that has another value there is changed only with --overwrite, as with
// kubectl.
func (l labelChange) command(node *corev1.Node) string {
	if len(l) > maxDetails {
		return fmt.Sprintf("change %d labels with dsctl label", len(l))
	}
	words := []string{"dsctl", "label"}
	overwrite := false
	for _, key := range slices.Sorted(maps.Keys(l)) {
		value := l[key]
		if value == nil {
			words = append(words, key+"-")
			continue
		}
		now, has := node.Labels[key]
		overwrite = overwrite || has && now != *value
		words = append(words, key+"="+*value)
	}
	if overwrite {
		words = append(words, "--overwrite")
	}
	return strings.Join(words, " ")
}

// affinityRemedy is the smallest change of labels after which one of the terms matches.
func (c *Compiled) affinityRemedy(node *corev1.Node) string {
	var best labelChange
	for i := range c.terms {
		change, ok := c.terms[i].change(node)
		if ok && (best == nil || len(change) < len(best)) {
			best = change
		}
	}
	if best == nil {
		return c.correction()
	}
	return best.command(node)
}

// correction is what to do to a node affinity that no change of labels is known to satisfy.
func (c *Compiled) correction() string {
	for i := range c.terms {
		if c.terms[i].parseError != nil {
			return fmt.Sprintf("correct nodeSelectorTerms[%d]", i)
		}
	}
	if !slices.ContainsFunc(c.terms, func(t term) bool { return !t.empty() }) {
		return "give nodeSelectorTerms a term that wants something, or leave the required node affinity out"
	}
	return "change the node affinity: no label that dsctl label can set was found that makes one of its terms match"
}

// change looks for labels with which the node matches the term. What the term wants of one label does not depend on
// another, so each key is solved by itself.
func (t *term) change(node *corev1.Node) (labelChange, bool) {
	if t.empty() || t.parseError != nil {
		return nil, false
	}
	change := labelChange{}
	byKey := map[string][]requirement{}
	for _, r := range t.requirements {
		if r.isField && !r.matcher.Match(node) {
			return nil, false
		}
		if !r.isField {
			byKey[r.source.Key] = append(byKey[r.source.Key], r)
		}
	}
	for key, requirements := range byKey {
		if allMatch(requirements, node) {
			continue
		}
		value, ok := solve(requirements)
		if !ok || isFixed(key) {
			return nil, false
		}
		change[key] = value
	}
	return change, true
}

// solve finds a value, or nil for no label at all, that meets all requirements, which are of one key.
func solve(requirements []requirement) (*string, bool) {
	var candidates []*string
	for _, r := range requirements {
		candidates = append(candidates, r.candidates()...)
	}
	candidates = append(candidates, nil, new(""), new("true"))
	key := requirements[0].source.Key
	for _, candidate := range candidates {
		node := &corev1.Node{}
		if candidate != nil {
			node.Labels = map[string]string{key: *candidate}
		}
		if isLabel(key, candidate) && allMatch(requirements, node) {
			return candidate, true
		}
	}
	return nil, false
}

func allMatch(requirements []requirement, node *corev1.Node) bool {
	return !slices.ContainsFunc(requirements, func(r requirement) bool { return !r.matcher.Match(node) })
}

// candidates are the values that the requirement itself names or borders on.
func (r requirement) candidates() []*string {
	var candidates []*string
	switch r.source.Operator {
	case corev1.NodeSelectorOpIn:
		for i := range r.source.Values {
			candidates = append(candidates, &r.source.Values[i])
		}
	case corev1.NodeSelectorOpGt:
		candidates = append(candidates, beyond(r.source.Values[0], +1))
	case corev1.NodeSelectorOpLt:
		candidates = append(candidates, beyond(r.source.Values[0], -1))
	}
	return candidates
}

// beyond is the integer next to the bound. Beyond the last integer it is the first one, which no bound accepts.
func beyond(bound string, step int64) *string {
	number, err := strconv.ParseInt(bound, 10, 64)
	if err != nil {
		return &bound
	}
	return new(strconv.FormatInt(number+step, 10))
}

// isFixed tells the labels that follow from the machine.
func isFixed(key string) bool {
	switch key {
	case corev1.LabelHostname, corev1.LabelOSStable, corev1.LabelArchStable, "beta.kubernetes.io/os",
		"beta.kubernetes.io/arch":
		return true
	}
	return false
}

func isLabel(key string, value *string) bool {
	if value == nil {
		return true
	}
	return len(validation.IsQualifiedName(key)) == 0 && len(validation.IsValidLabelValue(*value)) == 0
}

func isInteger(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}
