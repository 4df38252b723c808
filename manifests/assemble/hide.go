package assemble

import (
	"bytes"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// HideSecrets is the manifest of an Assembly with the name of the key in the place of every value that comes from a
// Secret, and whether there is any. Names, revision and checksum are those of the real manifest, so that one is not
// taken for the other. It is made from what only has names in it, not by looking for values: a value that also stands
// in a ConfigMap or in the template stays there.
func (a *Assembler) HideSecrets(ds *spec.DaemonSet, made Assembly) (render.Manifest, bool, error) {
	in := a.input(ds)
	in.Secret = hiding(in.Secret)
	hidden, _, err := a.render(ds, resolve.Resolve(in), made.Revision, made.Manifest.Source)
	if err != nil {
		return render.Manifest{}, false, err
	}
	hidden.Data = render.WithChecksumOf(hidden.Data, made.Manifest.Data)
	return hidden, !bytes.Equal(hidden.Data, made.Manifest.Data), nil
}

// hiding finds the same Secrets with the same keys and no values.
func hiding(find func(string) (*corev1.Secret, bool)) func(string) (*corev1.Secret, bool) {
	return func(name string) (*corev1.Secret, bool) {
		s, ok := find(name)
		if !ok {
			return nil, false
		}
		out := &corev1.Secret{ObjectMeta: s.ObjectMeta, Data: make(map[string][]byte, len(s.Data))}
		for key := range s.Data {
			out.Data[key] = fmt.Appendf(nil, "<Secret %s/%s, key %s>", s.Namespace, s.Name, key)
		}
		return out, true
	}
}
