package resolve

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
)

type objectKey struct{ kind, name string }

// object is what a ConfigMap or a Secret offers.
type object struct {
	// found is false for an object that is not declared.
	found bool
	// env is what variables can be taken from, files what a volume shows. They differ in a ConfigMap's binaryData.
	env, files map[string][]byte
	// unfilled is set for a Secret that an API server would put a service account's token into.
	unfilled bool
}

// object looks a ConfigMap or a Secret up.
func (r *resolver) object(kind, name string) object {
	key := objectKey{kind, name}
	if o, ok := r.objects[key]; ok {
		return o
	}
	o := r.configMap(name)
	if kind == KindSecret {
		o = r.secret(name)
	}
	r.objects[key] = o
	return o
}

func (r *resolver) configMap(name string) object {
	if r.in.ConfigMap == nil {
		return object{}
	}
	found, ok := r.in.ConfigMap(name)
	if !ok || found == nil {
		return object{}
	}
	o := object{
		found: true, env: make(map[string][]byte, len(found.Data)),
		files: make(map[string][]byte, len(found.Data)+len(found.BinaryData)),
	}
	maps.Copy(o.files, found.BinaryData)
	for k, v := range found.Data {
		data := []byte(v)
		o.env[k], o.files[k] = data, data
	}
	return o
}

func (r *resolver) secret(name string) object {
	if r.in.Secret == nil {
		return object{}
	}
	found, ok := r.in.Secret(name)
	if !ok || found == nil {
		return object{}
	}
	_, hasToken := found.Data[corev1.ServiceAccountTokenKey]
	return object{
		found: true, env: found.Data, files: found.Data,
		unfilled: found.Type == corev1.SecretTypeServiceAccountToken && !hasToken,
	}
}

// reference is a place that names an object.
type reference struct {
	kind, name, path string
	optional         bool
}

func optional(b *bool) bool { return b != nil && *b }

// lookup gives the object, and says whether there is one to go on with. A missing one is reported unless it is
// optional.
func (r *resolver) lookup(ref reference, key string) (object, bool) {
	o := r.object(ref.kind, ref.name)
	if !o.found && !ref.optional {
		detail := ""
		if r.in.Elsewhere != nil {
			if namespace := r.in.Elsewhere(ref.kind, ref.name); namespace != "" {
				detail = fmt.Sprintf("the namespace %q has one of that name", namespace)
			}
		}
		r.missing(r.about(ref, ObjectMissing, key, detail))
	}
	return o, o.found
}

// whole reports a Secret that is taken with all of its keys and lacks the token, which the pod would have in a cluster.
// One that is asked for by its key is reported as any key.
func (r *resolver) whole(ref reference, o object) {
	if o.unfilled && !ref.optional {
		r.missing(r.about(ref, KeyMissing, corev1.ServiceAccountTokenKey, "only an API server fills a Secret of type "+
			string(corev1.SecretTypeServiceAccountToken)+"; put a token into it, or make the reference optional"))
	}
}

func (r *resolver) about(ref reference, reason Reason, key, detail string) Missing {
	return Missing{
		Reason: reason, Kind: ref.kind, Namespace: r.in.DaemonSet.Namespace, Name: ref.name,
		Key: key, Path: ref.path, Detail: detail,
	}
}

func element(list string, index int) string { return fmt.Sprintf("%s[%d]", list, index) }
