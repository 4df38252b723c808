package node

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
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
		r.now = r.now.Add(files.StillFor)
		r.Update(r.now, one)
		_ = r.Persist() // an error is among the problems
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
	want.Labels = AutomaticLabels("n1")
	want.Labels["disk"] = "ssd"
	want.Annotations = map[string]string{"note": "x"}
	want.Spec.Unschedulable = true
	want.Spec.Taints = []corev1.Taint{
		{Key: "b", Effect: "NoExecute"},
		{Key: "node.kubernetes.io/not-ready", Effect: "NoExecute"},
		{Key: "node.kubernetes.io/not-ready", Effect: "NoSchedule"},
		{Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"},
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
