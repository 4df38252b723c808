package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// change is one Patch on its way: the node as it was, the state that comes out, and all that is wrong with it.
type change struct {
	view   view
	before runtimeState
	after  runtimeState
	patch  Patch
	result Result
	errs   []error
	// overwrites counts the errors that Overwrite would take away.
	overwrites int
}

// apply works out what the patch makes of the runtime changes. It changes neither of its arguments' contents.
func apply(before runtimeState, p Patch, v view) (runtimeState, Result, error) {
	if err := p.validate(); err != nil {
		return before, Result{}, &PatchError{Err: err}
	}
	c := &change{view: v, before: before, after: before.clone(), patch: p}
	if c.after.Labels == nil {
		c.after.Labels = map[string]string{}
	}
	for _, key := range sortedKeys(p.Labels) {
		c.setLabel(key, p.Labels[key])
	}
	for _, key := range p.RemoveLabels {
		c.removeLabel(key)
	}
	for _, t := range p.RemoveTaints {
		c.removeTaint(t)
	}
	for _, t := range p.Taints {
		c.addTaint(corev1.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
	}
	if p.Unschedulable != nil {
		c.cordon(*p.Unschedulable)
	}
	slices.SortFunc(c.after.Taints, compareTaints)
	if n := len(v.labelsWith(c.after.Labels)); n > maxLabels && len(p.Labels) > 0 {
		c.refuse("the node would have %d labels, more than the %d allowed", n, maxLabels)
	}
	if n := len(c.after.Taints); n > maxTaints {
		c.refuse("the node would have %d runtime taints, more than the %d allowed", n, maxTaints)
	}
	if len(c.errs) > 0 {
		return before, Result{}, &PatchError{
			Conflict: true, NeedsOverwrite: c.overwrites == len(c.errs),
			Err: errors.Join(c.errs...),
		}
	}
	c.result.Changed = !c.after.equal(before)
	c.result.Operation = c.operation()
	return c.after, c.result, nil
}

func (c *change) refuse(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *change) shadow(s Shadow) { c.result.Shadowed = append(c.result.Shadowed, s) }

func (c *change) setLabel(key, value string) {
	if machineLabel(key) {
		c.refuse("label %q follows the machine and cannot be changed", key)
		return
	}
	now, has := c.view.labels[key]
	if has && now.value != value && !c.patch.Overwrite {
		c.overwrites++
		c.refuse("'%s' already has a value (%s), and --overwrite is false", key, now.value)
		return
	}
	if f, ok := c.view.declared.labels[key]; ok && f.value != value {
		c.shadow(Shadow{Kind: "label", Key: key, Wanted: value, Effective: f.value, Origin: f.origin})
	}
	c.after.Labels[key] = value
}

func (c *change) removeLabel(key string) {
	_, kept := c.after.Labels[key]
	below, rest := c.view.labelBelow(key)
	switch {
	case kept && rest:
		c.shadow(Shadow{Kind: "label", Key: key, Effective: below.value, Origin: below.origin})
	case !kept && rest && below.origin == OriginAutomatic:
		c.refuse("label %q is set on every node and cannot be removed", key)
	case !kept && rest:
		c.refuse("label %q is set at %s and has to be removed there", key, strings.TrimPrefix(string(below.origin), "file:"))
	case !kept:
		c.result.NotFound = append(c.result.NotFound, key)
	}
	delete(c.after.Labels, key)
}

func (c *change) addTaint(t corev1.Taint) {
	if owner := conditionOwns(t); owner != "" {
		c.refuse("taint %q follows %s and cannot be set by hand", taintID(t), owner)
		return
	}
	exists := slices.ContainsFunc(c.view.taints, func(o sourcedTaint) bool { return sameTaint(o.taint, t) })
	if exists && !c.patch.Overwrite {
		c.overwrites++
		c.refuse("node %s already has %s taint(s) with same effect(s) and --overwrite is false", c.view.name, t.Key)
		return
	}
	if f, ok := c.view.declared.findTaint(t); ok && f.taint.Value != t.Value {
		c.shadow(Shadow{Kind: "taint", Key: taintID(t), Wanted: t.Value, Effective: f.taint.Value, Origin: f.origin})
	}
	c.after.Taints = slices.DeleteFunc(c.after.Taints, func(o corev1.Taint) bool { return sameTaint(o, t) })
	c.after.Taints = append(c.after.Taints, t)
}

func (c *change) removeTaint(removal corev1.Taint) {
	n := len(c.after.Taints)
	c.after.Taints = slices.DeleteFunc(c.after.Taints, func(t corev1.Taint) bool { return removes(removal, t) })
	removed := len(c.after.Taints) < n
	found := removed
	for _, t := range c.view.taints {
		if !removes(removal, t.taint) || t.origin == OriginRuntime {
			continue
		}
		found = true
		c.cannotRemove(t, removed)
	}
	if !found {
		c.refuse("taint %q not found", removal.ToString())
	}
}

// cannotRemove is for a taint that a removal means and that is none of the runtime changes.
func (c *change) cannotRemove(t sourcedTaint, removed bool) {
	switch {
	case t.origin == OriginCondition:
		c.refuse("taint %q follows %s and cannot be removed by hand", taintID(t.taint), conditionOwns(t.taint))
	case removed:
		c.shadow(Shadow{Kind: "taint", Key: taintID(t.taint), Effective: t.taint.Value, Origin: t.origin})
	default:
		c.refuse("taint %q is set at %s and has to be removed there", taintID(t.taint),
			strings.TrimPrefix(string(t.origin), "file:"))
	}
}

func (c *change) cordon(on bool) {
	c.after.Unschedulable = on
	if d := c.view.declared; d.unschedulable != nil && *d.unschedulable != on {
		c.shadow(Shadow{
			Kind: "unschedulable", Wanted: fmt.Sprint(on), Effective: fmt.Sprint(*d.unschedulable), Origin: d.cordonOrigin,
		})
	}
}

// operation is the word that kubectl would print after the node's name.
func (c *change) operation() string {
	p := c.patch
	switch {
	case len(p.Taints)+len(p.RemoveTaints) > 0:
		return taintWord(p)
	case len(p.Labels)+len(p.RemoveLabels) > 0:
		return c.labelWord()
	case p.Unschedulable == nil:
		return ""
	}
	return c.cordonWord(*p.Unschedulable)
}

func (c *change) cordonWord(on bool) string {
	word := "uncordoned"
	if on {
		word = "cordoned"
	}
	switch {
	case len(c.result.Shadowed) > 0:
		return "not " + word
	case c.view.unschedulable.value == fmt.Sprint(on):
		return "already " + word
	}
	return word
}

func taintWord(p Patch) string {
	switch {
	case p.Overwrite || len(p.Taints) > 0 && len(p.RemoveTaints) > 0:
		return "modified"
	case len(p.Taints) > 0:
		return "tainted"
	}
	return "untainted"
}

func (c *change) labelWord() string {
	var set, removed bool
	for key, value := range c.patch.Labels {
		old, had := c.before.Labels[key]
		set = set || !had || old != value
	}
	for _, key := range c.patch.RemoveLabels {
		_, had := c.before.Labels[key]
		removed = removed || had
	}
	switch {
	case set && removed:
		return "modified"
	case set:
		return "labeled"
	case removed:
		return "unlabeled"
	}
	return "not labeled"
}
