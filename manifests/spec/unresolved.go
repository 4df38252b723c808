package spec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
)

// Unresolved warns of every reference of a DaemonSet to a ConfigMap, a Secret, a key or a PriorityClass that the
// objects do not have, unless it is optional, and of every value in them that a pod cannot be given. They are warnings
// because the rest may stand in files that were not looked at; without it the agent writes no pod, or one without a
// priority.
func Unresolved(objects Objects) diag.List {
	find := objects.finder()
	var list diag.List
	for _, ds := range objects.DaemonSets {
		in := find(ds.Object.Namespace)
		in.DaemonSet, in.NodeName, in.NodeAddress = ds.Object, checkNode, checkAddress
		res := resolve.Resolve(in)
		for _, m := range res.Missing {
			list = append(list, ds.at(m))
		}
		if res.ClassMissing && ds.Object.Spec.Template.Spec.Priority == nil {
			list = append(list, ds.classMissing())
		}
	}
	list.Sort()
	return list
}

// classMissing is the warning that no file has the PriorityClass.
func (d *DaemonSet) classMissing() diag.Problem {
	problem := d.places[classPath]
	problem.Message = fmt.Sprintf("PriorityClass %q is not declared: the pod has no priority",
		d.Object.Spec.Template.Spec.PriorityClassName)
	problem.Hint = "declare it in a spec file, or set spec.template.spec.priority"
	return problem
}

// checkAddress stands for the node's address, as checkNode does for its name.
const checkAddress = "192.0.2.1"

// at is the warning at the place of the reference, or at that of the DaemonSet when there is none.
func (d *DaemonSet) at(m resolve.Missing) diag.Problem {
	problem, ok := d.places[m.Path]
	if m.Reason == resolve.KeyMissing {
		if key, has := d.places[m.Path+".key"]; has {
			problem, ok = key, true
		}
	}
	if !ok {
		problem = diag.Problem{
			Severity: diag.Warning, File: d.Source.File, Line: d.Source.Line, Column: d.Source.Column,
			Path: m.Path,
		}
	}
	problem.Message = m.String()
	problem.Hint = "until that is there no pod is written, and one that runs stays"
	return problem
}

// finder gives, for a namespace, the part of a resolve.Input that finds objects in it.
func (o Objects) finder() func(namespace string) resolve.Input {
	type key struct{ namespace, name string }
	configMaps, secrets := map[key]*corev1.ConfigMap{}, map[key]*corev1.Secret{}
	// elsewhere is the first namespace that has an object of the name.
	elsewhere := map[[2]string]string{}
	note := func(kind, namespace, name string) {
		if first, found := elsewhere[[2]string{kind, name}]; !found || namespace < first {
			elsewhere[[2]string{kind, name}] = namespace
		}
	}
	for _, c := range o.ConfigMaps {
		note(kindConfigMap, c.Object.Namespace, c.Object.Name)
		configMaps[key{c.Object.Namespace, c.Object.Name}] = c.Object
	}
	for _, s := range o.Secrets {
		note(kindSecret, s.Object.Namespace, s.Object.Name)
		secrets[key{s.Object.Namespace, s.Object.Name}] = s.Object
	}
	classes := map[string]*schedulingv1.PriorityClass{}
	for _, c := range o.PriorityClasses {
		classes[c.Object.Name] = c.Object
	}
	return func(namespace string) resolve.Input {
		return resolve.Input{
			Elsewhere:     func(kind, name string) string { return elsewhere[[2]string{kind, name}] },
			PriorityClass: found(classes, func(name string) string { return name }),
			ConfigMap:     found(configMaps, func(name string) key { return key{namespace, name} }),
			Secret:        found(secrets, func(name string) key { return key{namespace, name} }),
		}
	}
}

// found looks a name up in a map with other keys.
func found[K comparable, T any](in map[K]T, key func(name string) K) func(name string) (T, bool) {
	return func(name string) (T, bool) {
		object, ok := in[key(name)]
		return object, ok
	}
}
