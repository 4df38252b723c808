package resolve

import (
	"fmt"
	"maps"
)

type objectKey struct{ kind, name string }

// object is what a ConfigMap or a Secret offers.
type object struct {
	// found is false for an object that is not declared.
	found bool
	// env is what variables can be taken from, files what a volume shows. They differ in a ConfigMap's binaryData.
	env, files map[string][]byte
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
	return object{found: true, env: found.Data, files: found.Data}
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
		r.missing(r.about(ref, ObjectMissing, key, ""))
	}
	return o, o.found
}

func (r *resolver) about(ref reference, reason Reason, key, detail string) Missing {
	return Missing{
		Reason: reason, Kind: ref.kind, Namespace: r.in.DaemonSet.Namespace, Name: ref.name,
		Key: key, Path: ref.path, Detail: detail,
	}
}

func element(list string, index int) string { return fmt.Sprintf("%s[%d]", list, index) }
