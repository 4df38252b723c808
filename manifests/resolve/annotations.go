package resolve

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// NodeLabel is a variable that has the value of a label of the node.
type NodeLabel struct{ Name, Label string }

// ParseNodeLabels reads the value of AnnotationNodeLabels: items NAME=key separated by commas, white space around them
// ignored, such as "ZONE=topology.kubernetes.io/zone,RACK=example.com/rack". NAME is the whole name of the variable,
// key that of a label. Every container gets the variables, init containers too: after those of envFrom and before env,
// so that the pod template has the last word and its values may refer to them. A label that the node does not have sets
// none.
func ParseNodeLabels(text string) ([]NodeLabel, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var out []NodeLabel
	seen := map[string]bool{}
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		name, label, ok := strings.Cut(item, "=")
		if !ok {
			return nil, fmt.Errorf("item %q: wanted NAME=label, such as ZONE=topology.kubernetes.io/zone", item)
		}
		name, label = strings.TrimSpace(name), strings.TrimSpace(label)
		if errs := validation.IsEnvVarName(name); len(errs) > 0 {
			return nil, fmt.Errorf("%q in item %q is no name of an environment variable: wanted letters, digits and \"_\", no "+
				"digit first", name, item)
		}
		if errs := validation.IsQualifiedName(label); len(errs) > 0 {
			return nil, fmt.Errorf("%q in item %q is no key of a label: wanted a name such as rack or example.com/rack", label,
				item)
		}
		if seen[name] {
			return nil, fmt.Errorf("the variable %q is set twice: remove one", name)
		}
		seen[name] = true
		out = append(out, NodeLabel{name, label})
	}
	return out, nil
}

// Annotations are the annotations of a DaemonSet that its pod depends on beside its template.
func Annotations() []string {
	return []string{AnnotationMissingServiceAccount, AnnotationNodeLabels, AnnotationRestart}
}

// AnnotationProblem is an annotation of a DaemonSet that cannot be understood.
type AnnotationProblem struct{ Key, Message string }

// CheckAnnotations finds what is wrong with the annotations of this package.
func CheckAnnotations(ds *appsv1.DaemonSet) []AnnotationProblem {
	var out []AnnotationProblem
	for _, key := range []string{AnnotationMissingServiceAccount, AnnotationRestart} {
		if v, ok := ds.Annotations[key]; ok && v != "true" && v != "false" {
			out = append(out, AnnotationProblem{key, fmt.Sprintf("%q is neither \"true\" nor \"false\"", v)})
		}
	}
	if _, err := ParseNodeLabels(ds.Annotations[AnnotationNodeLabels]); err != nil {
		out = append(out, AnnotationProblem{AnnotationNodeLabels, err.Error()})
	}
	return out
}

// annotations reports what is wrong with them and gives the labels of the node that are wanted.
func (r *resolver) annotations() []NodeLabel {
	for _, p := range CheckAnnotations(r.in.DaemonSet) {
		r.problem(BadAnnotation, "metadata.annotations["+p.Key+"]", p.Message)
	}
	labels, _ := ParseNodeLabels(r.in.DaemonSet.Annotations[AnnotationNodeLabels]) // reported above
	return labels
}

func (r *resolver) nodeLabels(labels []NodeLabel, container string) []corev1.EnvVar {
	var env []corev1.EnvVar
	for _, l := range labels {
		if value, ok := r.in.NodeLabels[l.Label]; ok {
			env = append(env, inlined(&r.facts, container, l.Name, value))
		}
	}
	return env
}
