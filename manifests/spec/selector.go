package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

const (
	selectorPath = "spec.selector"
	labelsPath   = "spec.template.metadata.labels"
)

// lacksSelector says whether validation only found that labels do not match a selector which is not there.
func lacksSelector(d *strictyaml.Document, err *field.Error) bool {
	return strings.Contains(err.Detail, selectorMismatch) && value(d, selectorPath) == nil
}

// missingSelector says so. The path stays the one that an API server names.
func missingSelector(d *strictyaml.Document, path string) diag.Problem {
	hint := "add it, and the same labels to " + labelsPath
	if labels := selectable(d); labels != "" {
		hint = "add selector: " + labels + ", labels that this DaemonSet's pods alone have"
	}
	problem := d.Problem(diag.Error, selectorPath, "spec.selector is missing: it has to name labels of the pod template",
		hint)
	problem.Path = path
	return problem
}

// selectable is a selector for the label of the pod template that most likely tells these pods from others; "" without
// labels.
func selectable(d *strictyaml.Document) string {
	labels, _ := value(d, labelsPath).(map[string]any)
	usual := []string{"app.kubernetes.io/name", "app", "k8s-app", "name"}
	for _, key := range slices.Concat(usual, slices.Sorted(maps.Keys(labels))) {
		text, ok := labels[key].(string)
		if ok && len(key) <= maxShown && len(text) <= maxShown && !d.Hidden() {
			return fmt.Sprintf("{matchLabels: {%s: %q}}", key, text)
		}
	}
	return ""
}

// oldDaemonSet is what has to change in a DaemonSet of a version that Kubernetes no longer has, "" for other versions.
// Their defaults were others (pkg/apis/extensions/v1beta1/defaults.go in Kubernetes 1.15): the selector was that of the
// template's labels, and extensions/v1beta1 replaced pods only when somebody deleted them.
func oldDaemonSet(d *strictyaml.Document, version string) string {
	if version != "extensions/v1beta1" && version != "apps/v1beta2" {
		return ""
	}
	todo := []string{"write apiVersion: apps/v1"}
	if value(d, selectorPath) == nil {
		what := "spec.selector with labels of the pod template"
		if labels := selectable(d); labels != "" {
			what = "selector: " + labels
		}
		todo = append(todo, "add "+what+" to spec")
	}
	if _, ok := d.Value("spec.templateGeneration"); ok {
		todo = append(todo, "remove spec.templateGeneration")
	}
	if version == "extensions/v1beta1" && value(d, "spec.updateStrategy.type") == nil {
		todo = append(todo, "and decide for updateStrategy: {type: OnDelete}, which was the default, or RollingUpdate, "+
			"which is")
	}
	return strings.Join(todo, ", ")
}
