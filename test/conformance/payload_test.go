package conformance

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kubernetes/pkg/volume"
	"k8s.io/kubernetes/pkg/volume/configmap"
	"k8s.io/kubernetes/pkg/volume/emptydir"
	"k8s.io/kubernetes/pkg/volume/projected"
	"k8s.io/kubernetes/pkg/volume/secret"
	volumetest "k8s.io/kubernetes/pkg/volume/testing"

	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
)

// TestTrees has the kubelet's volume plugins set up a volume on a disk, MakePayload, collectData, the atomic writer and the
// change of modes for fsGroup included, and compares with our tree: every path, mode and content, the directories for nested
// mounts, and whether it can be set up at all. Group ownership is left out: the test need not be root.
func TestTrees(t *testing.T) {
	random := newRandom(t)
	cases := number(t, "CONFORMANCE_VOLUMES", 2000)
	counts := map[string]int{}
	for range cases {
		o, ds := newObjects(random), newMounting(random)
		r := resolve.Resolve(resolve.Input{DaemonSet: ds, ConfigMap: o.configMap, Secret: o.secret, NodeName: nodeName})
		trees := r.Trees("rev")
		if len(trees) != 1 {
			t.Fatalf("%d trees, want one\n%s", len(trees), dump(ds))
		}
		want, err := setUp(t, o, podOf(ds))
		if (err != nil) != (len(r.Missing) > 0) {
			t.Fatalf("the kubelet says %v, we miss %v\n%s", err, r.Missing, dump(ds))
		}
		if err != nil {
			counts["cannot be set up"]++
			continue
		}
		if diff := cmp.Diff(want, laid(trees[0])); diff != "" {
			t.Fatalf("files (-kubelet +ours):\n%s\n%s", diff, dump(ds))
		}
		counts["equal"]++
		counts["files"] += len(trees[0].Files)
		counts["nested mounts"] += len(trees[0].MountPoints)
		if trees[0].FSGroup != nil {
			counts["with fsGroup"]++
		}
	}
	for _, kind := range []string{"equal", "cannot be set up", "nested mounts", "with fsGroup"} {
		if counts[kind] < cases/20 {
			t.Errorf("%d of %d volumes are of the kind %q, want at least 5 %%", counts[kind], cases, kind)
		}
	}
	t.Logf("%v", counts)
}

// TestSecretOnMemory: what the kubelet lays on a tmpfs, and no ConfigMap, is marked as secret.
func TestSecretOnMemory(t *testing.T) {
	for _, s := range []struct {
		source corev1.VolumeSource
		secret bool
	}{
		{corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}, false},
		{corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{}}, true},
		{corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ConfigMap: &corev1.ConfigMapProjection{}}, {Secret: &corev1.SecretProjection{}}}}}, true},
	} {
		if got := resolve.Resolve(resolve.Input{DaemonSet: mounts(s.source)}).Trees("rev")[0].Secret; got != s.secret {
			t.Errorf("%s: secret %t, want %t", dump(s.source), got, s.secret)
		}
	}
}

// podOf is the pod as a kubelet has it: with the pod's own defaults and the label of the revision.
func podOf(ds *appsv1.DaemonSet) *corev1.Pod {
	pod := originalPod(ds)
	pod.UID = "0123"
	pod.Name = strings.ToLower(render.PodName(ds.Name, "rev") + "-" + nodeName)
	pod.Labels[render.LabelRevision] = "rev"
	return pod
}

// setUp lets the kubelet's plugin write the volume v and reads what is there.
func setUp(t *testing.T, o objects, pod *corev1.Pod) (map[string]string, error) {
	t.Helper()
	root, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	host := volumetest.NewFakeKubeletVolumeHost(t, root, fake.NewClientset(o.list(pod.Namespace)...), emptydir.ProbeVolumePlugins())
	plugin := pluginFor(&pod.Spec.Volumes[0])
	if err := plugin.Init(host); err != nil {
		t.Fatal(err)
	}
	mounter, err := plugin.NewMounter(volume.NewSpecFromVolume(&pod.Spec.Volumes[0]), pod)
	if err != nil {
		t.Fatal(err)
	}
	args := volume.MounterArgs{}
	if pod.Spec.SecurityContext != nil {
		args.FsGroup = pod.Spec.SecurityContext.FSGroup
	}
	if err := mounter.SetUp(args); err != nil {
		return nil, err
	}
	return read(mounter.GetPath())
}

func (o objects) list(namespace string) []runtime.Object {
	var out []runtime.Object
	for name, c := range o.configMaps {
		c = c.DeepCopy()
		c.Namespace, c.Name = namespace, name
		out = append(out, c)
	}
	for name, s := range o.secrets {
		s = s.DeepCopy()
		s.Namespace, s.Name = namespace, name
		out = append(out, s)
	}
	return out
}

func pluginFor(v *corev1.Volume) volume.VolumePlugin {
	switch {
	case v.ConfigMap != nil:
		return configmap.ProbeVolumePlugins()[0]
	case v.Secret != nil:
		return secret.ProbeVolumePlugins()[0]
	}
	return projected.ProbeVolumePlugins()[0]
}

// read gives the files that a container sees, by path, and the directories that stand beside them.
func read(root string) (map[string]string, error) {
	found := map[string]string{}
	data := filepath.Join(root, "..data")
	inside, err := filepath.EvalSymlinks(data)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(inside, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(inside, name)
		if err != nil {
			return err
		}
		text, err := tell(name)
		found[rel] = text
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, directories(root, inside, found)
}

// directories finds those that are not of the writer's making.
func directories(root, inside string, found map[string]string) error {
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || name == root || !entry.IsDir():
			return err
		case name == inside:
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(root, name)
		found[rel] = "directory"
		return err
	})
}

// tell is a file's mode and content. Root can read files of any mode; others cannot, and give them one to be read.
func tell(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if err := os.Chmod(name, 0o600); err != nil {
		return "", err
	}
	data, err := os.ReadFile(name)
	return fmt.Sprintf("%#o %q", info.Mode().Perm(), data), err
}

// laid is a tree in the form of read.
func laid(tree resolve.Tree) map[string]string {
	found := map[string]string{}
	for _, f := range tree.Files {
		found[f.Path] = fmt.Sprintf("%#o %q", f.Mode, f.Data)
	}
	for _, m := range tree.MountPoints {
		for ; m != "."; m = path.Dir(m) {
			found[m] = "directory"
		}
	}
	return found
}

// newMounting is a DaemonSet with one volume that has objects in it.
func newMounting(random *rand.Rand) *appsv1.DaemonSet {
	var source corev1.VolumeSource
	mode := new([]int32{0o644, 0o644, 0o400, 0o777, 0}[random.IntN(5)])
	switch items := newItems(random); random.IntN(3) {
	case 0:
		source.ConfigMap = &corev1.ConfigMapVolumeSource{LocalObjectReference: newName(random), Items: items, DefaultMode: mode, Optional: newOptional(random)}
	case 1:
		source.Secret = &corev1.SecretVolumeSource{SecretName: newName(random).Name, Items: items, DefaultMode: mode, Optional: newOptional(random)}
	default:
		source.Projected = newProjected(random, mode)
	}
	ds := mounts(source)
	pod := &ds.Spec.Template.Spec
	if random.IntN(3) == 0 {
		pod.SecurityContext = &corev1.PodSecurityContext{FSGroup: new(int64(os.Getgid()))}
	}
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: "other", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	places := []string{"/v/nested", "/v/nested/deeper", "/v/nested-not", "/v/n/e/s", "/vv", "/v/", "/", "/v//x/"}
	for range random.IntN(4) {
		m := corev1.VolumeMount{Name: "other", MountPath: places[random.IntN(len(places))]}
		pod.Containers[0].VolumeMounts = append(pod.Containers[0].VolumeMounts, m)
	}
	return ds
}

func mounts(source corev1.VolumeSource) *appsv1.DaemonSet {
	ds := &appsv1.DaemonSet{}
	ds.Namespace, ds.Name = "ns", "ds"
	ds.Spec.Template.Labels = map[string]string{"app": "ds", "a.b/c": ""}
	ds.Spec.Template.Annotations = map[string]string{"note": "\"x\"\n\u00e9\x01"}
	ds.Spec.Template.Spec = corev1.PodSpec{
		Containers: []corev1.Container{{Name: "c", Image: "a", VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/v"}}, Resources: corev1.ResourceRequirements{
			Limits:   corev1.ResourceList{"cpu": resource.MustParse("1700m"), "memory": resource.MustParse("100Mi"), "ephemeral-storage": resource.MustParse("3G"), "hugepages-2Mi": resource.MustParse("4Mi")},
			Requests: corev1.ResourceList{"cpu": resource.MustParse("250m")},
		}}},
		InitContainers: []corev1.Container{{Name: "i", Image: "a", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"memory": resource.MustParse("1Mi")}}}},
		Volumes:        []corev1.Volume{{Name: "v", VolumeSource: source}},
	}
	return ds
}

// newItems may name a path as a file and as a directory, but not one path twice in two ways of writing: which of the two
// the kubelet writes is up to chance.
func newItems(random *rand.Rand) []corev1.KeyToPath {
	paths := []string{"a", "b", "c/d", "c/e/f", "g//h/", "i/./j", "..k"}
	if random.IntN(12) == 0 {
		paths = append(paths, "c", "a/b")
	}
	var items []corev1.KeyToPath
	for range random.IntN(4) {
		item := corev1.KeyToPath{Key: []string{newKey(random), "binary"}[random.IntN(2)], Path: paths[random.IntN(len(paths))]}
		if item.Path == "..k" && random.IntN(8) > 0 {
			item.Path = "k"
		}
		if random.IntN(2) == 0 {
			item.Mode = new([]int32{0o400, 0o604, 0o777, 0}[random.IntN(4)])
		}
		items = append(items, item)
	}
	return items
}

// newProjected always has a source that is an object; volumes of facts alone are left to the kubelet.
func newProjected(random *rand.Rand, mode *int32) *corev1.ProjectedVolumeSource {
	p := &corev1.ProjectedVolumeSource{DefaultMode: mode}
	for i := range 1 + random.IntN(3) {
		switch choice := random.IntN(3); {
		case choice == 0 && i > 0:
			p.Sources = append(p.Sources, corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{Items: newFacts(random)}})
		case choice == 1:
			p.Sources = append(p.Sources, corev1.VolumeProjection{Secret: &corev1.SecretProjection{LocalObjectReference: newName(random), Items: newItems(random), Optional: newOptional(random)}})
		default:
			p.Sources = append(p.Sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: newName(random), Items: newItems(random), Optional: newOptional(random)}})
		}
	}
	return p
}

func newFacts(random *rand.Rand) []corev1.DownwardAPIVolumeFile {
	fields := []string{"metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.labels['app']", "metadata.labels['none']", "metadata.annotations['note']", "metadata.labels['controller-revision-hash']"}
	resources := map[string][]string{
		"limits.cpu": {"0", "1", "1m"}, "requests.cpu": {"0", "1m"}, "limits.memory": {"0", "1Ki", "1Mi", "1M"}, "requests.memory": {"1", "1Gi"},
		"limits.ephemeral-storage": {"1", "1G"}, "requests.ephemeral-storage": {"1Mi"}, "limits.hugepages-2Mi": {"1Mi"}, "requests.hugepages-2Mi": {"0"},
	}
	var items []corev1.DownwardAPIVolumeFile
	for i := range 1 + random.IntN(5) {
		item := corev1.DownwardAPIVolumeFile{Path: fmt.Sprint("facts/", i)}
		if random.IntN(2) == 0 {
			item.FieldRef = &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: fields[random.IntN(len(fields))]}
		} else {
			names := slices.Sorted(maps.Keys(resources))
			name := names[random.IntN(len(names))]
			divisors := resources[name]
			item.ResourceFieldRef = &corev1.ResourceFieldSelector{ContainerName: "c", Resource: name, Divisor: resource.MustParse(divisors[random.IntN(len(divisors))])}
			if strings.HasPrefix(name, "requests.") && random.IntN(3) == 0 {
				item.ResourceFieldRef.ContainerName = "i"
			}
		}
		items = append(items, item)
	}
	return items
}
