package conformance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/kubelet"
	kubecontainer "k8s.io/kubernetes/pkg/kubelet/container"

	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
)

const nodeAddress = "198.51.100.7"

// TestEnvironment has the kubelet's own code make the environment of a container twice: from the DaemonSet's pod, under a
// kubelet with an API server that has the objects, and from the manifest that we write, read back as a kubelet without one
// reads it. Variables, command and arguments have to be the same, and we must lack an object or a key exactly where the
// kubelet fails.
func TestEnvironment(t *testing.T) {
	random := newRandom(t)
	cases := number(t, "CONFORMANCE_CONTAINERS", 5000)
	counts := map[string]int{}
	for range cases {
		o, ds := newObjects(random), newReferring(random)
		r := resolve.Resolve(resolve.Input{
			DaemonSet: ds, ConfigMap: o.configMap, Secret: o.secret, NodeName: nodeName,
			NodeAddress: nodeAddress, NodeAddresses: []string{nodeAddress},
		})
		want, err := environment(kubeletWith(o), originalPod(ds), nodeAddress)
		lacks, unusable := reasons(r)
		switch {
		case unusable:
			counts["a name or a value that no manifest can have"]++
			continue
		case (err != nil) != lacks:
			t.Fatalf("the kubelet says %v, we miss %v\n%s", err, r.Missing, dump(ds))
		case err != nil:
			counts["missing"]++
			continue
		}
		address := nodeAddress
		if ds.Spec.Template.Spec.HostNetwork {
			address = ""
		}
		got, err := environment(standaloneKubelet(), throughManifest(t, r), address)
		if err != nil {
			t.Fatalf("of the manifest: %v\n%s", err, dump(ds))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("environment (-kubelet +ours):\n%s\n%s", diff, dump(ds))
		}
		counts["equal"]++
		counts["variables"] += len(want.variables)
	}
	for _, kind := range []string{"equal", "missing", "a name or a value that no manifest can have"} {
		if counts[kind] < cases/20 {
			t.Errorf("%d of %d containers are of the kind %q, want at least 5 %%", counts[kind], cases, kind)
		}
	}
	t.Logf("%v", counts)
}

// reasons says whether an object or a key is missing, and whether something is there that cannot be used.
func reasons(r resolve.Result) (lacks, unusable bool) {
	for _, m := range r.Missing {
		switch m.Reason {
		case resolve.ObjectMissing, resolve.KeyMissing:
			lacks = true
		default:
			unusable = true
		}
	}
	return lacks, unusable
}

// process is what a container's process starts with.
type process struct {
	variables     map[string]string
	command, args []string
}

func (p process) Equal(q process) bool { return fmt.Sprint(p) == fmt.Sprint(q) }

func environment(kl *kubelet.Kubelet, pod *corev1.Pod, address string) (process, error) {
	addresses := []string{address}
	if address == "" {
		addresses = nil
	}
	container := &pod.Spec.Containers[0]
	list, err := makeEnvironmentVariables(kl, context.Background(), pod, container, address, addresses, nil)
	if err != nil {
		return process{}, err
	}
	p := process{variables: map[string]string{}}
	for _, v := range list {
		p.variables[v.Name] = v.Value
	}
	p.command, p.args = kubecontainer.ExpandContainerCommandAndArgs(container, list)
	return p, nil
}

// originalPod is the pod that a DaemonSet controller makes, bound to the node.
func originalPod(ds *appsv1.DaemonSet) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: *ds.Spec.Template.ObjectMeta.DeepCopy(), Spec: *ds.Spec.Template.Spec.DeepCopy()}
	pod.Namespace, pod.Name, pod.Spec.NodeName = ds.Namespace, ds.Name+"-rev-"+nodeName, nodeName
	legacyscheme.Scheme.Default(pod)
	return pod
}

// throughManifest writes the manifest and reads it as a kubelet does.
func throughManifest(t *testing.T, r resolve.Result) *corev1.Pod {
	t.Helper()
	ds := r.DaemonSet(func(tree resolve.Tree) string { return "/config/" + tree.Volume })
	m, _, err := render.Render(ds, render.Options{NodeName: nodeName, Revision: render.Revision(nil, r.Digests...), Source: "specs/agent.yaml"})
	if err != nil {
		t.Fatalf("render: %v\n%s", err, dump(ds))
	}
	if err := readStaticPod(m.Data); err != nil {
		t.Fatalf("the kubelet does not take the manifest: %v\n%s", err, m.Data)
	}
	object, err := runtime.Decode(legacyscheme.Codecs.UniversalDecoder(corev1.SchemeGroupVersion), m.Data)
	if err != nil {
		t.Fatal(err)
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		t.Fatalf("want a Pod, have %T", object)
	}
	pod.Name, pod.Spec.NodeName = ds.Name+"-rev-"+nodeName, nodeName // differs as documented
	return pod
}

func newObjects(random *rand.Rand) objects {
	o := objects{configMaps: map[string]*corev1.ConfigMap{}, secrets: map[string]*corev1.Secret{}}
	for _, name := range []string{"one", "two"} {
		if random.IntN(8) > 0 {
			o.configMaps[name] = &corev1.ConfigMap{Data: map[string]string{}, BinaryData: map[string][]byte{}}
			for range random.IntN(5) {
				o.configMaps[name].Data[newKey(random)] = newText(random)
			}
			for range random.IntN(2) {
				o.configMaps[name].BinaryData["binary"] = []byte{0, 0xff, 1}
			}
		}
		if random.IntN(8) > 0 {
			o.secrets[name] = &corev1.Secret{Data: map[string][]byte{}}
			for range random.IntN(5) {
				o.secrets[name].Data[newKey(random)] = []byte(newText(random))
			}
			if random.IntN(8) == 0 {
				o.secrets[name].Data[newKey(random)] = []byte{0xff, 0xfe}
			}
		}
	}
	return o
}

func newKey(random *rand.Rand) string {
	if random.IntN(12) == 0 {
		return "1st"
	}
	return []string{"A", "B", "C", "a.b", "d-e", "_F"}[random.IntN(6)]
}

// newText is likely to look like a reference, or to be hard to write in YAML.
func newText(random *rand.Rand) string {
	parts := []string{"", "$", "$$", "$(A)", "$(B)", "$(a.b)", "$(P_A)", "$(none)", "$(A", "$$(A)", "x", " ", "é", "\n", "\t", "\r\n", "\u2028", "\x01", "\ufeff", "'", `"`, "#", ": ", "- ", "~", "true"}
	text := ""
	for range random.IntN(5) {
		text += parts[random.IntN(len(parts))]
	}
	return text
}

// newReferring is a DaemonSet whose one container refers to the objects, to others and to fields of the pod.
func newReferring(random *rand.Rand) *appsv1.DaemonSet {
	c := corev1.Container{Name: "c", Image: "a", Command: []string{newText(random), "$(A)"}, Args: []string{newText(random)}}
	for range random.IntN(3) {
		c.EnvFrom = append(c.EnvFrom, newEnvFrom(random))
	}
	for range random.IntN(6) {
		c.Env = append(c.Env, newVariable(random))
	}
	ds := &appsv1.DaemonSet{}
	ds.Namespace, ds.Name = "ns", "ds"
	ds.Spec.Template.Labels = map[string]string{"app": "ds"}
	ds.Spec.Template.Spec = corev1.PodSpec{Containers: []corev1.Container{c}, HostNetwork: random.IntN(2) == 0}
	return ds
}

func newName(random *rand.Rand) corev1.LocalObjectReference {
	return corev1.LocalObjectReference{Name: []string{"one", "two", "one", "two", "one", "none"}[random.IntN(6)]}
}

// newOptional is mostly true, so that enough containers have an environment at all.
func newOptional(random *rand.Rand) *bool {
	return []*bool{new(true), new(true), new(true), new(true), new(false), nil}[random.IntN(6)]
}

func newEnvFrom(random *rand.Rand) corev1.EnvFromSource {
	from := corev1.EnvFromSource{Prefix: []string{"", "P_", "A"}[random.IntN(3)]}
	if random.IntN(2) == 0 {
		from.ConfigMapRef = &corev1.ConfigMapEnvSource{LocalObjectReference: newName(random), Optional: newOptional(random)}
	} else {
		from.SecretRef = &corev1.SecretEnvSource{LocalObjectReference: newName(random), Optional: newOptional(random)}
	}
	return from
}

func newVariable(random *rand.Rand) corev1.EnvVar {
	v := corev1.EnvVar{Name: []string{"A", "B", "C", "D", "P_A"}[random.IntN(5)]}
	switch random.IntN(5) {
	case 0:
		v.ValueFrom = &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: newName(random), Key: newKey(random), Optional: newOptional(random)}}
	case 1:
		v.ValueFrom = &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: newName(random), Key: newKey(random), Optional: newOptional(random)}}
	case 2:
		fields := []string{"status.podIP", "status.podIPs", "metadata.name", "metadata.namespace", "metadata.labels['app']", "spec.nodeName"}
		v.ValueFrom = &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: fields[random.IntN(len(fields))]}}
	default:
		v.Value = newText(random)
	}
	return v
}
