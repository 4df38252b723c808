package resolve

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// world is what a test resolves against.
type world struct {
	configMaps map[string]*corev1.ConfigMap
	secrets    map[string]*corev1.Secret
	labels     map[string]string
	addresses  []string
}

func (w *world) input(ds *appsv1.DaemonSet) Input {
	in := Input{
		DaemonSet: ds, NodeName: "Node-1", NodeLabels: w.labels, NodeAddresses: w.addresses,
		ConfigMap: func(name string) (*corev1.ConfigMap, bool) { c, ok := w.configMaps[name]; return c, ok },
		Secret:    func(name string) (*corev1.Secret, bool) { s, ok := w.secrets[name]; return s, ok },
	}
	if len(w.addresses) > 0 {
		in.NodeAddress = w.addresses[0]
	}
	return in
}

// newWorld has one object of each kind: conf and keys.
func newWorld() *world {
	return &world{
		configMaps: map[string]*corev1.ConfigMap{"conf": {
			Data: map[string]string{"a": "x", "b": "$(a) $$ $", "same": "conf"}, BinaryData: map[string][]byte{"raw": {0, 255}},
		}},
		secrets: map[string]*corev1.Secret{"keys": {
			Data: map[string][]byte{"password": []byte("CANARY"), "same": []byte("keys"), "nul": {'a', 0}, "latin1": {0xe9}},
		}},
		labels:    map[string]string{"zone": "z1", "example.com/rack": "r7"},
		addresses: []string{"198.51.100.7", "2001:db8::7"},
	}
}

// parse reads a DaemonSet from the spec of its pod and the lines of its annotations.
func parse(t testing.TB, pod string, annotations ...string) *appsv1.DaemonSet {
	t.Helper()
	ds := &appsv1.DaemonSet{}
	ds.Namespace, ds.Name, ds.Annotations = "ns", "ds", map[string]string{}
	ds.Spec.Template.Labels = map[string]string{"app": "ds"}
	ds.Spec.Template.Annotations = map[string]string{"note": `say "hi"`}
	if err := yaml.UnmarshalStrict([]byte(pod), &ds.Spec.Template.Spec); err != nil {
		t.Fatalf("%v in\n%s", err, pod)
	}
	for _, a := range annotations {
		key, value, _ := strings.Cut(a, ": ")
		ds.Annotations[key] = value
	}
	return ds
}

func dir(t Tree) string { return "/config/" + t.Volume }

func texts[T interface{ String() string }](list []T) []string {
	var out []string
	for _, m := range list {
		out = append(out, m.String())
	}
	return out
}
