package resolve

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// container writes everything that the container's environment refers to into it, so that the kubelet makes the same
// environment of it: first what envFrom gives, then labels of the node, then env, each entry in its place.
//
// The kubelet goes through env in order. A literal value may refer with $(NAME) to what came before, and sees all of
// envFrom; a value that was looked up is taken as it is. Written as a literal it would be expanded, so every "$" in it
// is doubled, which expansion undoes. Later entries replace earlier ones of the same name, also what was seen until
// then.
func (r *resolver) container(c *corev1.Container, at string, labels []NodeLabel) {
	env := r.envFrom(c, at)
	env = append(env, r.nodeLabels(labels, at)...)
	for i := range c.Env {
		if e, ok := r.variable(c.Env[i], at, element(at+".env", i)+".valueFrom."); ok {
			env = append(env, e)
		}
	}
	c.Env, c.EnvFrom = env, nil
}

// envFrom is the variables of whole objects, sorted by name. Later objects replace what earlier ones gave.
func (r *resolver) envFrom(c *corev1.Container, at string) []corev1.EnvVar {
	values := map[string][]byte{}
	for i, from := range c.EnvFrom {
		ref, ok := sourceOf(from, element(at+".envFrom", i))
		if !ok || r.any {
			continue
		}
		if o, ok := r.lookup(ref, ""); ok {
			r.whole(ref, o)
			for _, key := range slices.Sorted(maps.Keys(o.env)) {
				name := from.Prefix + key
				if r.usable(ref, key, name, o.env[key]) {
					values[name] = o.env[key]
				}
			}
		}
	}
	var env []corev1.EnvVar
	for _, name := range slices.Sorted(maps.Keys(values)) {
		env = append(env, inlined(&r.env, at, name, string(values[name])))
	}
	return env
}

func sourceOf(from corev1.EnvFromSource, at string) (reference, bool) {
	switch {
	case from.ConfigMapRef != nil:
		return reference{KindConfigMap, from.ConfigMapRef.Name, at + ".configMapRef", optional(from.ConfigMapRef.Optional)},
			true
	case from.SecretRef != nil:
		return reference{KindSecret, from.SecretRef.Name, at + ".secretRef", optional(from.SecretRef.Optional)}, true
	}
	return reference{}, false
}

// variable gives an entry of env without a reference, or says that there is to be none. A value wins over a reference,
// as it does in the kubelet; validation lets nobody write both.
func (r *resolver) variable(e corev1.EnvVar, container, at string) (corev1.EnvVar, bool) {
	from := e.ValueFrom
	switch {
	case from == nil:
		return e, true
	case e.Value != "":
		return corev1.EnvVar{Name: e.Name, Value: e.Value}, true
	case from.FieldRef != nil:
		return r.fieldRef(e, container, at+"fieldRef"), true
	case from.ConfigMapKeyRef != nil:
		s := from.ConfigMapKeyRef
		return r.keyRef(e.Name, container, s.Key, reference{
			KindConfigMap, s.Name, at + "configMapKeyRef",
			optional(s.Optional),
		})
	case from.SecretKeyRef != nil:
		s := from.SecretKeyRef
		return r.keyRef(e.Name, container, s.Key, reference{KindSecret, s.Name, at + "secretKeyRef", optional(s.Optional)})
	}
	return e, true
}

func (r *resolver) keyRef(name, container, key string, ref reference) (corev1.EnvVar, bool) {
	if r.any {
		return corev1.EnvVar{Name: name}, true
	}
	o, ok := r.lookup(ref, key)
	if !ok {
		return corev1.EnvVar{}, false
	}
	value, ok := o.env[key]
	if !ok {
		if !ref.optional {
			r.missing(r.about(ref, KeyMissing, key, ""))
		}
		return corev1.EnvVar{}, false
	}
	if !r.usable(ref, key, name, value) {
		return corev1.EnvVar{}, false
	}
	return inlined(&r.env, container, name, string(value)), true
}

// usable says whether a manifest can carry the variable and the kubelet accepts it. A kubelet reads static pods by the
// strict rule for names; one with an API server gives a container variables of any name that a key can have.
func (r *resolver) usable(ref reference, key, name string, value []byte) bool {
	if r.envBytes += len(value); r.envBytes > render.MaxSize {
		// Render would refuse the manifest, after every reference had its own copy in memory.
		if !r.envFull {
			r.envFull = true
			r.missing(r.about(ref, BadValue, key, fmt.Sprintf("the environment up to this value has %d bytes, more than the %d "+
				"that a manifest may have: mount it as files", r.envBytes, render.MaxSize)))
		}
		return false
	}
	before := len(r.out.Missing)
	if errs := validation.IsEnvVarName(name); len(errs) > 0 {
		r.missing(r.about(ref, BadName, key, "the kubelet takes no static pod with a variable of the name "+
			strconv.Quote(name)+
			": wanted letters, digits, \"_\", \"-\" and \".\", no digit and no \"..\" at the beginning"))
	}
	switch {
	case strings.ContainsRune(string(value), 0):
		r.missing(r.about(ref, BadValue, key, "the value has a NUL character, which no environment variable can hold"))
	case !utf8.Valid(value):
		r.missing(r.about(ref, BadValue, key, "the value is not UTF-8 text, which is all that a manifest can hold: mount "+
			"it as a file"))
	}
	return len(r.out.Missing) == before
}

// fieldRef replaces the addresses of a pod in the node's network by the node's. A kubelet that has an API server does
// the same (generateAPIPodStatus in pkg/kubelet/kubelet_pods.go); one that has none leaves them empty. The host's
// address (status.hostIP) every kubelet knows, and all else about the pod.
func (r *resolver) fieldRef(e corev1.EnvVar, container, at string) corev1.EnvVar {
	if e.ValueFrom.FieldRef.FieldPath == "spec.serviceAccountName" {
		return r.accountName(e, container, at)
	}
	addresses, ok := r.podAddresses(e.ValueFrom.FieldRef.FieldPath)
	if !ok {
		return e
	}
	if r.in.NodeAddress == "" {
		r.missing(Missing{Reason: AddressMissing, Kind: KindNode, Name: r.in.NodeName, Path: at})
		return e
	}
	r.change(render.Change{
		Path: at + ".fieldPath",
		Message: "replaced by the node's address: with hostNetwork a kubelet without an API server leaves the pod's empty; " +
			"a new address of the node is a new revision",
	})
	return inlined(&r.facts, container, e.Name, addresses)
}

// accountName is the name that stands in the file: the pod itself has none, and the kubelet would give an empty text.
// Admission fills in "default" where a file names none.
func (r *resolver) accountName(e corev1.EnvVar, container, at string) corev1.EnvVar {
	pod := &r.in.DaemonSet.Spec.Template.Spec
	r.change(render.Change{Path: at + ".fieldPath", Message: "replaced by the name in the file", Silent: true})
	return inlined(&r.env, container, e.Name, cmp.Or(pod.ServiceAccountName, pod.DeprecatedServiceAccount, "default"))
}

func (r *resolver) podAddresses(field string) (string, bool) {
	if !r.in.DaemonSet.Spec.Template.Spec.HostNetwork {
		return "", false
	}
	switch field {
	case "status.podIP":
		return r.in.NodeAddress, true
	case "status.podIPs":
		if len(r.in.NodeAddresses) > 0 {
			return strings.Join(r.in.NodeAddresses, ","), true
		}
		return r.in.NodeAddress, true
	}
	return "", false
}

// inlined is a variable with exactly this value, noted in the digest.
func inlined(d *digest, container, name, value string) corev1.EnvVar {
	d.add(container, name, value)
	return corev1.EnvVar{Name: name, Value: strings.ReplaceAll(value, "$", "$$")}
}
