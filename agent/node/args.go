package node

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// maxArgs bounds how many changes one command may hold.
const maxArgs = 512

// ParseLabelArgs reads the arguments of "dsctl label", which are those of "kubectl label": key=value sets and key-
// removes. Mistakes are worded as kubectl words them; unlike there, a key that no server would take is refused here.
func ParseLabelArgs(args []string) (Patch, error) {
	if err := checkCount("label", args); err != nil {
		return Patch{}, err
	}
	var p Patch
	for _, arg := range args {
		if err := p.parseLabel(arg); err != nil {
			return Patch{}, err
		}
	}
	for _, key := range p.RemoveLabels {
		if _, both := p.Labels[key]; both {
			return Patch{}, fmt.Errorf("can not both modify and remove a label in the same command: %q", key)
		}
	}
	return p, nil
}

func (p *Patch) parseLabel(arg string) error {
	key, value, sets := strings.Cut(arg, "=")
	if !sets {
		var removes bool
		if key, removes = strings.CutSuffix(arg, "-"); !removes {
			return fmt.Errorf("unknown label spec: %q: want key=value to set it or key- to remove it", arg)
		}
	}
	if errs := validation.IsQualifiedName(key); len(errs) > 0 {
		return fmt.Errorf("invalid label key: %q: %s", key, strings.Join(errs, "; "))
	}
	if !sets {
		p.RemoveLabels = append(p.RemoveLabels, key)
		return nil
	}
	if strings.Contains(value, "=") {
		return fmt.Errorf("invalid label spec: %q: want key=value with one =", arg)
	}
	if errs := validation.IsValidLabelValue(value); len(errs) > 0 {
		return fmt.Errorf("invalid label value: %q: %s", arg, strings.Join(errs, "; "))
	}
	if other, twice := p.Labels[key]; twice && other != value {
		return fmt.Errorf("invalid label spec: %q: the same command sets %s=%s", arg, key, other)
	}
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	p.Labels[key] = value
	return nil
}

// ParseTaintArgs reads the arguments of "dsctl taint", which are those of "kubectl taint": key=value:Effect or
// key:Effect adds, key:Effect- removes one, key- removes the key with every effect.
func ParseTaintArgs(args []string) (Patch, error) {
	if err := checkCount("taint", args); err != nil {
		return Patch{}, err
	}
	var p Patch
	for _, arg := range args {
		if err := p.parseTaintArg(arg); err != nil {
			return Patch{}, err
		}
	}
	for _, add := range p.Taints {
		for _, remove := range p.RemoveTaints {
			if removes(remove, add) {
				return Patch{}, fmt.Errorf("can not both modify and remove the following taint(s) in the same command: %q",
					remove.ToString())
			}
		}
	}
	return p, nil
}

func (p *Patch) parseTaintArg(arg string) error {
	text, remove := strings.CutSuffix(arg, "-")
	t, err := parseTaint(text)
	switch {
	case err != nil:
		return fmt.Errorf("invalid taint spec: %q: %w", arg, err)
	case remove:
		p.RemoveTaints = append(p.RemoveTaints, corev1.Taint{Key: t.Key, Effect: t.Effect})
		return nil
	case t.Effect == "":
		return fmt.Errorf("invalid taint spec: %q: an effect is required, such as %s:NoSchedule", arg, text)
	}
	for _, other := range p.Taints {
		if other.MatchTaint(&t) {
			return fmt.Errorf("duplicated taints with the same key and effect: %q", arg)
		}
	}
	p.Taints = append(p.Taints, t)
	return nil
}

// parseTaint reads <key>=<value>:<effect>, <key>:<effect> or <key>.
func parseTaint(text string) (corev1.Taint, error) {
	var t corev1.Taint
	rest, effect, hasEffect := strings.Cut(text, ":")
	if hasEffect {
		t.Effect = corev1.TaintEffect(effect)
		if !validEffect(t.Effect) {
			return t, fmt.Errorf("invalid taint effect: %q, unsupported taint effect; %s", effect, wantEffect(effect))
		}
		rest, t.Value, _ = strings.Cut(rest, "=")
	} else if strings.Contains(rest, "=") {
		return t, fmt.Errorf("an effect is required, such as %s:NoSchedule", text)
	}
	t.Key = rest
	if errs := validation.IsQualifiedName(t.Key); len(errs) > 0 {
		return t, fmt.Errorf("invalid taint key %q: %s", t.Key, strings.Join(errs, "; "))
	}
	if errs := validation.IsValidLabelValue(t.Value); len(errs) > 0 {
		return t, fmt.Errorf("invalid taint value %q: %s", t.Value, strings.Join(errs, "; "))
	}
	return t, nil
}

func checkCount(what string, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("at least one %s update is required", what)
	}
	if len(args) > maxArgs {
		return fmt.Errorf("%d %s updates in one command, more than the %d allowed", len(args), what, maxArgs)
	}
	return nil
}

func effects() []string {
	return []string{
		string(corev1.TaintEffectNoSchedule), string(corev1.TaintEffectPreferNoSchedule),
		string(corev1.TaintEffectNoExecute),
	}
}

func validEffect(e corev1.TaintEffect) bool {
	return e == corev1.TaintEffectNoSchedule || e == corev1.TaintEffectPreferNoSchedule || e == corev1.TaintEffectNoExecute
}

func wantEffect(found string) string {
	for _, e := range effects() {
		if strings.EqualFold(e, found) {
			return fmt.Sprintf("did you mean %q?", e)
		}
	}
	return "want NoSchedule, PreferNoSchedule or NoExecute"
}

// removes says whether the removal is of this taint: an empty effect removes every one of the key.
func removes(removal, t corev1.Taint) bool {
	return removal.Key == t.Key && (removal.Effect == "" || removal.Effect == t.Effect)
}

// validate checks a patch that did not come through the parsers above, such as one from the API.
func (p Patch) validate() error {
	var errs []error
	for _, arg := range p.args() {
		var parsed Patch
		if err := parsed.parseLabel(arg); err != nil {
			errs = append(errs, err)
		}
	}
	for _, t := range p.Taints {
		if err := checkTaint(t); err != nil {
			errs = append(errs, err)
		} else if t.Effect == "" {
			errs = append(errs, fmt.Errorf("invalid taint spec: %q: an effect is required", t.Key))
		}
	}
	for _, t := range p.RemoveTaints {
		if err := checkTaint(corev1.Taint{Key: t.Key, Effect: t.Effect}); err != nil {
			errs = append(errs, err)
		}
	}
	if n := len(p.Labels) + len(p.RemoveLabels) + len(p.Taints) + len(p.RemoveTaints); n > maxArgs {
		errs = append(errs, fmt.Errorf("%d updates in one patch, more than the %d allowed", n, maxArgs))
	}
	return errors.Join(errs...)
}

func checkTaint(t corev1.Taint) error {
	if _, err := parseTaint(t.ToString()); err != nil {
		return fmt.Errorf("invalid taint spec: %q: %w", t.ToString(), err)
	}
	return nil
}

// args is the label part of a patch in the form of its arguments.
func (p Patch) args() []string {
	var out []string
	for _, key := range sortedKeys(p.Labels) {
		out = append(out, key+"="+p.Labels[key])
	}
	for _, key := range p.RemoveLabels {
		out = append(out, key+"-")
	}
	return out
}
