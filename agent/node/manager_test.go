package node

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/daemonsetd/daemonsetd/manifests/diag"
)

// fakeSampler gives what it is told.
type fakeSampler struct {
	sample Sample
	err    error
	asked  int
}

func (f *fakeSampler) Sample() (Sample, error) {
	f.asked++
	return f.sample, f.err
}

func plenty() Sample {
	a := func() *Amount { return &Amount{900 << 30, 1000 << 30} }
	return Sample{Memory: a(), NodeFS: Filesystem{a(), a()}, ImageFS: Filesystem{a(), a()}, PIDs: a(), Source: SourceProc}
}

// rig is a manager on temporary directories that can be started again.
type rig struct {
	*Manager
	t       testing.TB
	root    string
	config  Config
	sampler *fakeSampler
	log     bytes.Buffer
	now     time.Time
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, root: t.TempDir(), sampler: &fakeSampler{sample: plenty()}, now: time.Now()}
	r.config = Config{
		Name: "n1", NodeFile: r.path("etc/node.yaml"), NodeDir: r.path("etc/node.d"), StateDir: r.path("var"), RuntimeDir: r.path("run"),
		Sampler: r.sampler, Logger: zerolog.New(&r.log),
		Host: func() Host {
			return Host{Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.7")}, OSImage: "Test OS", KernelVersion: "6.1"}
		},
	}
	if err := os.MkdirAll(r.path("etc/node.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.start()
	return r
}

func (r *rig) path(name string) string { return filepath.Join(r.root, name) }

func (r *rig) start() {
	r.t.Helper()
	m, err := New(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Manager = m
}

// update lets enough time pass for every file to be at rest.
func (r *rig) update(in ...Inputs) *corev1.Node {
	r.t.Helper()
	one := Inputs{Kubelet: KubeletStatus{Healthy: true}}
	if len(in) > 0 {
		one = in[0]
	}
	for range 2 {
		r.now = r.now.Add(stillness)
		r.Update(r.now, one)
	}
	return r.Node()
}

const head = "apiVersion: v1\nkind: Node\n"

func withLabel(key, value string) string {
	return head + "metadata:\n  labels:\n    " + key + ": " + value + "\n"
}

func wantLabel(t testing.TB, n *corev1.Node, key, want string) {
	t.Helper()
	if got, ok := n.Labels[key]; got != want || !ok {
		t.Errorf("label %s is %q (%v), want %q", key, got, ok, want)
	}
}

func wantNoLabel(t testing.TB, n *corev1.Node, key string) {
	t.Helper()
	if got, ok := n.Labels[key]; ok {
		t.Errorf("label %s is %q, want none", key, got)
	}
}

func status(n *corev1.Node, kind corev1.NodeConditionType) corev1.ConditionStatus {
	for _, c := range n.Status.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return ""
}

func TestNodeAsAWhole(t *testing.T) {
	r := newRig(t)
	put(t, r.config.NodeFile, withLabel("disk", "ssd")+"  annotations:\n    note: x\nspec:\n  unschedulable: true\n  taints:\n  - {key: b, effect: NoExecute}\n")
	if got := r.Node().Status.Conditions; got != nil {
		t.Errorf("conditions before the first Update: %v", got)
	}
	n := r.update(Inputs{Kubelet: KubeletStatus{Message: "connection refused"}, KubeletVersion: "v1.34.1"})
	want := &corev1.Node{}
	want.APIVersion, want.Kind, want.Name = "v1", "Node", "n1"
	want.Labels = automaticLabels("n1")
	want.Labels["disk"] = "ssd"
	want.Annotations = map[string]string{"note": "x"}
	want.Spec.Unschedulable = true
	want.Spec.Taints = []corev1.Taint{
		{Key: "b", Effect: "NoExecute"}, {Key: "node.kubernetes.io/not-ready", Effect: "NoExecute"},
		{Key: "node.kubernetes.io/not-ready", Effect: "NoSchedule"}, {Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"},
	}
	want.Status = r.config.Host().status("n1", "v1.34.1")
	want.Status.Conditions = []corev1.NodeCondition{
		{Type: "MemoryPressure", Status: no, Reason: "KubeletHasSufficientMemory", Message: "kubelet has sufficient memory available"},
		{Type: "DiskPressure", Status: no, Reason: "KubeletHasNoDiskPressure", Message: "kubelet has no disk pressure"},
		{Type: "PIDPressure", Status: no, Reason: "KubeletHasSufficientPID", Message: "kubelet has sufficient PID available"},
		{Type: "Ready", Status: no, Reason: "KubeletNotReady", Message: "connection refused"},
	}
	opts := cmp.Options{
		cmpopts.IgnoreFields(corev1.NodeCondition{}, "LastTransitionTime"), cmpopts.IgnoreFields(corev1.Taint{}, "TimeAdded"),
		cmpopts.IgnoreFields(corev1.Node{}, "CreationTimestamp"),
	}
	if diff := cmp.Diff(want, n, opts); diff != "" {
		t.Errorf("node (-want +got):\n%s", diff)
	}
	if n.CreationTimestamp.IsZero() {
		t.Error("no creationTimestamp")
	}
	if got := []string{n.Status.Addresses[0].Address, n.Status.NodeInfo.OSImage, n.Status.NodeInfo.KubeletVersion}; !cmp.Equal(got, []string{"10.0.0.7", "Test OS", "v1.34.1"}) {
		t.Errorf("status of the machine: %q", got)
	}
}

func TestSamePointerWhileNothingChanges(t *testing.T) {
	r := newRig(t)
	put(t, r.config.NodeFile, withLabel("disk", "ssd")+"spec:\n  taints:\n  - {key: b, effect: NoExecute}\n")
	in := Inputs{Kubelet: KubeletStatus{Healthy: true}}
	if changed, _ := r.Update(r.now, in); !changed {
		t.Error("the first Update says that nothing changed")
	}
	n := r.Node()
	for i := range 20 {
		changed, next := r.Update(r.now.Add(time.Duration(i)*time.Minute), in)
		if changed || next <= 0 || next > SampleInterval {
			t.Fatalf("Update %d: %v, %s", i, changed, next)
		}
		r.Reload()
	}
	if r.Node() != n {
		t.Error("the node is another object and says the same")
	}
	put(t, r.config.NodeFile, withLabel("disk", "hdd"))
	r.Reload()
	if changed, _ := r.Update(r.now.Add(time.Hour), in); !changed {
		t.Error("a change that Reload found is not reported by the next Update")
	}
}

func TestFilesMergeByName(t *testing.T) {
	r := newRig(t)
	put(t, r.path("etc/node.yaml"), withLabel("a", "base")+"    only: base\n")
	put(t, r.path("etc/node.d/20-b.yaml"), withLabel("a", "twenty"))
	put(t, r.path("etc/node.d/10-a.yml"), withLabel("a", "ten")+"    ten: x\n")
	put(t, r.path("etc/node.d/.hidden.yaml"), withLabel("a", "hidden"))
	put(t, r.path("etc/node.d/README"), "no node file")
	n := r.update()
	wantLabel(t, n, "a", "twenty")
	wantLabel(t, n, "only", "base")
	wantLabel(t, n, "ten", "x")
	if got, _ := r.Origin("a"); got != Origin("file:"+r.path("etc/node.d/20-b.yaml")+":5") {
		t.Errorf("origin %q", got)
	}
	if err := os.Remove(r.path("etc/node.d/20-b.yaml")); err != nil {
		t.Fatal(err)
	}
	wantLabel(t, r.update(), "a", "ten")
}

// A file that goes bad in any way changes nothing, now or after a restart; the next good version counts again.
func TestLastGood(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"not YAML":      func(p string) error { return os.WriteFile(p, []byte("{"), 0o644) },
		"empty":         func(p string) error { return os.WriteFile(p, nil, 0o644) },
		"only comments": func(p string) error { return os.WriteFile(p, []byte("# x\n"), 0o644) },
		"unknown field": func(p string) error { return os.WriteFile(p, []byte(withLabel("a", "new")+"  foo: x\n"), 0o644) },
		"bad taint": func(p string) error {
			return os.WriteFile(p, []byte(withLabel("a", "new")+"spec: {taints: [{key: x}]}\n"), 0o644)
		},
		"other node":  func(p string) error { return os.WriteFile(p, []byte(withLabel("a", "new")+"  name: n2\n"), 0o644) },
		"unreadable":  func(p string) error { return errors.Join(os.Remove(p), os.Symlink(p, p)) },
		"a directory": func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			path := r.path("etc/node.d/a.yaml")
			put(t, path, withLabel("a", "old"))
			before := r.update()
			wantLabel(t, before, "a", "old")
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			if after := r.update(); after != before {
				t.Errorf("the node changed:\n%s", cmp.Diff(before, after))
			}
			if !r.Problems().HasErrors() || r.Problems()[0].File != path {
				t.Errorf("problems: %v", r.Problems())
			}
			if got := r.Describe().Files; len(got) != 1 || got[0] != (FileInfo{path, FileLastGood}) {
				t.Errorf("files: %+v", got)
			}
			r.start()
			wantLabel(t, r.Node(), "a", "old")
			wantLabel(t, r.update(), "a", "old")
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			put(t, path, withLabel("a", "new"))
			wantLabel(t, r.update(), "a", "new")
			if len(r.Problems()) > 0 {
				t.Errorf("problems: %v", r.Problems())
			}
		})
	}
}

func TestNeverGoodFile(t *testing.T) {
	r := newRig(t)
	path := r.path("etc/node.d/a.yaml")
	put(t, path, "nonsense: [")
	put(t, r.path("etc/node.d/b.yaml"), withLabel("b", "x"))
	wantLabel(t, r.update(), "b", "x")
	if got := r.Describe().Files[0]; got != (FileInfo{path, FileNotInEffect}) {
		t.Errorf("file: %+v", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.update()
	if len(r.Problems()) > 0 || len(r.Describe().Files) != 1 {
		t.Errorf("after removal: %v, %+v", r.Problems(), r.Describe().Files)
	}
}

func TestDirectories(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t)
	dir := r.path("etc/node.d")
	put(t, filepath.Join(dir, "a.yaml"), withLabel("a", "x"))
	put(t, r.config.NodeFile, withLabel("base", "x"))
	r.update()
	// A file in the place of the directory: it cannot be read.
	must(os.Rename(dir, r.path("etc/away")))
	must(os.WriteFile(dir, nil, 0o644))
	wantLabel(t, r.update(), "a", "x")
	if !r.Problems().HasErrors() {
		t.Error("an unreadable directory is not reported")
	}
	r.start()
	wantLabel(t, r.update(), "a", "x")
	// All of /etc/daemonsetd is away: perhaps it is not mounted.
	must(os.Remove(dir))
	must(os.Rename(r.path("etc"), r.path("etc-away")))
	wantLabel(t, r.update(), "a", "x")
	wantLabel(t, r.update(), "base", "x")
	if !r.Problems().HasErrors() {
		t.Error("a missing directory is not reported")
	}
	// node.d alone is removed: so are its files.
	must(os.Rename(r.path("etc-away"), r.path("etc")))
	n := r.update()
	wantNoLabel(t, n, "a")
	wantLabel(t, n, "base", "x")
	must(os.Remove(r.config.NodeFile))
	wantNoLabel(t, r.update(), "base")
	if len(r.Problems()) > 0 {
		t.Errorf("problems: %v", r.Problems())
	}
}

func TestTooManyFilesChangeNothing(t *testing.T) {
	r := newRig(t)
	put(t, r.path("etc/node.d/a.yaml"), withLabel("a", "x"))
	r.update()
	for i := range maxFiles {
		put(t, r.path("etc/node.d/b"+strings.Repeat("x", i)+".yaml"), withLabel("b", "x"))
	}
	n := r.update()
	wantLabel(t, n, "a", "x")
	wantNoLabel(t, n, "b")
	if got := r.Problems(); len(got) != 1 || !strings.Contains(got[0].Message, "101 files, more than the 100 allowed") {
		t.Errorf("problems: %v", got)
	}
}

func TestTooMuchTogetherChangesNothing(t *testing.T) {
	r := newRig(t)
	many := func(prefix string) string {
		text := head + "metadata:\n  labels:\n"
		for i := range 300 {
			text += "    " + prefix + strings.Repeat("x", i%60) + string(rune('a'+i/60)) + ": v\n"
		}
		return text
	}
	put(t, r.path("etc/node.d/a.yaml"), many("a"))
	before := r.update()
	put(t, r.path("etc/node.d/b.yaml"), many("b"))
	if r.update() != before {
		t.Error("600 labels changed the node")
	}
	if got := r.Problems(); len(got) != 1 || !strings.Contains(got[0].Message, "together have 600 labels") {
		t.Errorf("problems: %v", got)
	}
}

func TestRuntimeChangesAreKept(t *testing.T) {
	r := newRig(t)
	r.update()
	p, err := ParseTaintArgs([]string{"gpu=yes:NoExecute"})
	if err != nil {
		t.Fatal(err)
	}
	p.Labels, p.Unschedulable = map[string]string{"a": "b"}, new(true)
	if _, err := r.SetRuntime(p); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.Wake():
	default:
		t.Error("the agent was not woken")
	}
	before := r.Node() // already without an Update
	wantLabel(t, before, "a", "b")
	r.now = r.now.Add(time.Hour)
	r.start()
	after := r.update()
	if diff := cmp.Diff(before.Spec, after.Spec); diff != "" {
		t.Errorf("spec after a restart, times of taints included (-want +got):\n%s", diff)
	}
	wantLabel(t, after, "a", "b")
	if !before.CreationTimestamp.Equal(&after.CreationTimestamp) {
		t.Errorf("creationTimestamp moved from %s to %s", before.CreationTimestamp, after.CreationTimestamp)
	}
}

func TestRuntimeThatCannotBeKept(t *testing.T) {
	r := newRig(t)
	before := r.update()
	if err := os.RemoveAll(r.config.StateDir); err != nil {
		t.Fatal(err)
	}
	_, err := r.SetRuntime(Patch{Labels: map[string]string{"a": "b"}})
	if patchErr, ok := errors.AsType[*PatchError](err); err == nil || ok {
		t.Errorf("error is %v (%v)", err, patchErr)
	}
	if r.Node() != before {
		t.Error("a change that could not be kept took effect")
	}
	// Files and conditions take effect all the same, and the trouble is told.
	put(t, r.config.NodeFile, withLabel("c", "d"))
	n := r.update(Inputs{})
	wantLabel(t, n, "c", "d")
	if status(n, corev1.NodeReady) != no || r.Problems().Count(diag.Warning) != 2 {
		t.Errorf("Ready is %s, problems %v", status(n, corev1.NodeReady), r.Problems())
	}
	if err := os.Mkdir(r.config.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.update(Inputs{})
	if len(r.Problems()) > 0 {
		t.Errorf("problems: %v", r.Problems())
	}
	if err := os.WriteFile(r.config.NodeFile, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.start()
	wantLabel(t, r.update(), "c", "d")
}

func TestDamagedState(t *testing.T) {
	damage := func(r *rig, name string) {
		if err := os.WriteFile(r.path("var/"+name), []byte("{damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newDamaged := func(names ...string) *rig {
		r := newRig(t)
		put(t, r.config.NodeFile, withLabel("file", "x"))
		r.update()
		if _, err := r.SetRuntime(Patch{Labels: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.config.NodeFile, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			damage(r, name)
		}
		return r
	}
	r := newDamaged("node-runtime.json", "node-files.json", "node-state.json")
	r.start()
	n := r.update()
	wantLabel(t, n, "a", "b")
	wantLabel(t, n, "file", "x")
	if r.Problems().Count(diag.Warning) != 3 {
		t.Errorf("problems: %v", r.Problems())
	}
	aside, err := filepath.Glob(r.path("var/*.damaged-*"))
	if err != nil || len(aside) != 3 {
		t.Errorf("set aside: %v, %v", aside, err)
	}
	for _, path := range aside {
		if data, err := os.ReadFile(path); string(data) != "{damaged" {
			t.Errorf("%s holds %q, %v", path, data, err)
		}
	}
	r.start()
	wantLabel(t, r.update(), "a", "b")
	if r.Problems().Count(diag.Warning) != 0 {
		t.Errorf("problems after the second start: %v", r.Problems())
	}
	for _, name := range []string{"node-runtime.json", "node-files.json"} {
		r := newDamaged(name, name+".bak")
		if _, err := New(r.config); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "its copy") {
			t.Errorf("%s and its copy damaged: error %v", name, err)
		}
	}
	r = newDamaged()
	for _, name := range []string{"node-runtime.json", "node-runtime.json.bak"} {
		if err := os.WriteFile(r.path("var/"+name), []byte(`{"version":2}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := New(r.config); !errors.Is(err, errNewerState) {
		t.Errorf("state of a newer version: error %v", err)
	}
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]Config{
		`node name "N 1"`:    {Name: "N 1", StateDir: t.TempDir()},
		"no state directory": {Name: "n1"},
		"make the state":     {Name: "n1", StateDir: "/nonexistent/a/b"},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

func TestReady(t *testing.T) {
	for name, test := range map[string]struct {
		in   KubeletStatus
		want corev1.NodeCondition
	}{
		"healthy": {KubeletStatus{Healthy: true}, corev1.NodeCondition{Status: yes, Reason: "KubeletReady", Message: "kubelet is posting ready status"}},
		"ill":     {KubeletStatus{}, corev1.NodeCondition{Status: no, Reason: "KubeletNotReady", Message: "the kubelet does not answer"}},
		"ill with a reason": {
			KubeletStatus{Reason: "Unauthorized", Message: "the kubelet refused"},
			corev1.NodeCondition{Status: no, Reason: "Unauthorized", Message: "the kubelet refused"},
		},
		"assumed": {
			KubeletStatus{Reason: "Unauthorized", AssumeReady: true},
			corev1.NodeCondition{Status: yes, Reason: "KubeletAssumedReady", Message: "the kubelet is taken as ready without being asked (kubelet.assumeReady)"},
		},
		"healthy and assumed": {KubeletStatus{Healthy: true, AssumeReady: true}, corev1.NodeCondition{Status: yes, Reason: "KubeletReady", Message: "kubelet is posting ready status"}},
	} {
		test.want.Type = corev1.NodeReady
		if diff := cmp.Diff(test.want, test.in.ready()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// lastTransitionTime moves with the status alone, and outlives a restart; so does timeAdded.
func TestTransitionTimes(t *testing.T) {
	r := newRig(t)
	ready := func(n *corev1.Node) corev1.NodeCondition { return n.Status.Conditions[3] }
	first := r.update(Inputs{Kubelet: KubeletStatus{Message: "one"}})
	r.now = r.now.Add(time.Hour)
	second := r.update(Inputs{Kubelet: KubeletStatus{Message: "two"}})
	if !ready(first).LastTransitionTime.Time.Equal(ready(second).LastTransitionTime.Time) || ready(second).Message != "two" {
		t.Errorf("Ready went from %v to %v", ready(first), ready(second))
	}
	r.start()
	r.now = r.now.Add(time.Hour)
	third := r.update(Inputs{})
	if !ready(first).LastTransitionTime.Time.Equal(ready(third).LastTransitionTime.Time) {
		t.Errorf("after a restart Ready has %v, before %v", ready(third), ready(first))
	}
	if diff := cmp.Diff(first.Spec.Taints, third.Spec.Taints); diff != "" {
		t.Errorf("taints (-want +got):\n%s", diff)
	}
	fourth := r.update()
	if got := ready(fourth); got.Status != yes || !got.LastTransitionTime.After(ready(third).LastTransitionTime.Time) || len(fourth.Spec.Taints) != 0 {
		t.Errorf("healthy: %v, %v", got, fourth.Spec.Taints)
	}
}

// The whole way under a clock that moves: raised at the next sample, held for five minutes, also across a restart.
func TestPressureOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		run := func(d time.Duration) {
			for end := time.Now().Add(d); ; {
				_, next := r.Update(time.Now(), Inputs{Kubelet: KubeletStatus{Healthy: true}})
				if next = min(next, time.Until(end)); next <= 0 {
					return
				}
				<-time.After(next)
			}
		}
		want := func(status_ corev1.ConditionStatus, when string) {
			t.Helper()
			if got := status(r.Node(), corev1.NodeDiskPressure); got != status_ {
				t.Errorf("%s: DiskPressure is %s, want %s", when, got, status_)
			}
		}
		run(time.Second)
		want(no, "at first")
		r.sampler.sample.ImageFS.Space = &Amount{1, 1000}
		run(8 * time.Second)
		want(no, "before the next sample")
		run(time.Second)
		want(yes, "after it")
		if got := strs(r.Node().Spec.Taints); !cmp.Equal(got, []string{"node.kubernetes.io/disk-pressure:NoSchedule"}) {
			t.Errorf("taints: %v", got)
		}
		r.sampler.sample = plenty()
		run(5*time.Minute - time.Second)
		want(yes, "within the hold-down")
		r.start()
		run(5*time.Minute - time.Second)
		want(yes, "within the hold-down that a restart begins anew")
		run(11 * time.Second)
		want(no, "after it")
	})
}

func TestSamplesComeFromTheKubeletFirst(t *testing.T) {
	r := newRig(t)
	amount := func(v uint64) *uint64 { return &v }
	memory := &statsv1alpha1.MemoryStats{AvailableBytes: amount(1), WorkingSetBytes: amount(1 << 40)}
	fs := &statsv1alpha1.FsStats{AvailableBytes: amount(9), CapacityBytes: amount(10), InodesFree: amount(9), Inodes: amount(10)}
	pids := func(v int64) *int64 { return &v }
	full := &statsv1alpha1.Summary{Node: statsv1alpha1.NodeStats{
		Memory: memory, Fs: fs, Runtime: &statsv1alpha1.RuntimeStats{ImageFs: fs},
		Rlimit: &statsv1alpha1.RlimitStats{MaxPID: pids(9), NumOfRunningProcesses: pids(1)},
	}}
	healthy := KubeletStatus{Healthy: true}
	if !r.SampleDue(r.now) {
		t.Error("no sample is due at first")
	}
	r.Update(r.now, Inputs{Kubelet: healthy, Summary: full})
	if got := r.Describe().SampleSource; got != SourceKubelet || r.sampler.asked != 0 || status(r.Node(), corev1.NodeMemoryPressure) != yes {
		t.Errorf("source %q, own sampler asked %d times, %v", got, r.sampler.asked, r.Node().Status.Conditions)
	}
	if r.SampleDue(r.now.Add(SampleInterval-1)) || !r.SampleDue(r.now.Add(SampleInterval)) {
		t.Error("the next sample is not due after the interval")
	}
	full.Node.Fs = nil
	r.now = r.now.Add(SampleInterval)
	r.Update(r.now, Inputs{Kubelet: healthy, Summary: full})
	if got := r.Describe().SampleSource; got != SourceBoth || r.sampler.asked != 1 {
		t.Errorf("source %q with half a summary", got)
	}
	r.sampler.err = errors.New("no meminfo")
	r.now = r.now.Add(SampleInterval)
	r.Update(r.now, Inputs{Kubelet: healthy})
	if got := r.Describe(); got.SampleSource != SourceProc || got.SampleError != "no meminfo" {
		t.Errorf("source %q, error %q without a summary", got.SampleSource, got.SampleError)
	}
}

func TestDropIns(t *testing.T) {
	r := newRig(t)
	path := r.path("run/conditions.d/NetworkUnavailable")
	put(t, path, "status: True\nreason: FabricDown\n")
	n := r.update()
	if status(n, "NetworkUnavailable") != yes || !cmp.Equal(strs(n.Spec.Taints), []string{"node.kubernetes.io/network-unavailable:NoSchedule"}) {
		t.Errorf("conditions %v, taints %v", n.Status.Conditions, n.Spec.Taints)
	}
	put(t, path, "status: maybe\n")
	if r.update() != n || !r.Problems().HasErrors() {
		t.Errorf("a bad drop-in changed the node, or was not reported: %v", r.Problems())
	}
	r.start()
	if got := r.update(); !cmp.Equal(got, n) {
		t.Errorf("a restart with a bad drop-in changed the node:\n%s", cmp.Diff(n, got))
	}
	put(t, r.path("run/conditions.d/Ready"), "status: False\n")
	if got := r.update(); status(got, "Ready") != yes {
		t.Error("a drop-in made the node NotReady")
	}
	if err := os.RemoveAll(r.path("run")); err != nil {
		t.Fatal(err)
	}
	if got := r.update(); status(got, "NetworkUnavailable") != "" || len(got.Spec.Taints) > 0 || len(r.Problems()) > 0 {
		t.Errorf("after removal: %v, %v", got.Status.Conditions, r.Problems())
	}
}

func TestDropInExpires(t *testing.T) {
	r := newRig(t)
	path := r.path("run/conditions.d/Link")
	put(t, path, "status: True\nvalidFor: 9s\n")
	n := r.update()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	until := info.ModTime().Add(9 * time.Second)
	_, next := r.Update(until.Add(-time.Second), Inputs{Kubelet: KubeletStatus{Healthy: true}})
	if r.Node() != n || next > time.Second {
		t.Errorf("a second before the end: changed %v, next in %s", r.Node() != n, next)
	}
	r.Update(until, Inputs{Kubelet: KubeletStatus{Healthy: true}})
	if got := status(r.Node(), "Link"); got != maybe {
		t.Errorf("at the end: %s", got)
	}
	if err := os.Chtimes(path, until, until); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Duration{time.Second, 2 * time.Second} {
		r.Update(until.Add(at), Inputs{Kubelet: KubeletStatus{Healthy: true}})
	}
	if got := status(r.Node(), "Link"); got != yes {
		t.Errorf("renewed: %s", got)
	}
}

func TestLogHasTransitionsOnly(t *testing.T) {
	r := newRig(t)
	put(t, r.config.NodeFile, withLabel("a", "b"))
	r.update()
	lines := func() int { return strings.Count(r.log.String(), "\n") }
	for want, act := range map[string]func(){
		"label changed":                         func() { put(t, r.config.NodeFile, withLabel("a", "c")) },
		"something is wrong with a file of the": func() { put(t, r.config.NodeFile, "nonsense") },
	} {
		act()
		r.update()
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, r.log.String())
		}
		n := lines()
		for range 5 {
			r.update()
		}
		if lines() != n {
			t.Errorf("the log grows in steady state:\n%s", r.log.String())
		}
	}
	put(t, r.config.NodeFile, withLabel("a", "c"))
	r.update()
	if !strings.Contains(r.log.String(), "file is in order again") {
		t.Errorf("the log lacks the good news:\n%s", r.log.String())
	}
}
