package kubeletsim

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
)

// manifest is a small pod. Lines of extra are indented as fields of the pod.
func manifest(name, annotations string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: " + name + "\n  annotations: {" + annotations + "}\nspec:\n" +
		"  terminationGracePeriodSeconds: 4\n  containers:\n  - {name: c, image: busybox}\n"
}

// put renames a file into place and tells the simulator.
func put(t *testing.T, k *Kubelet, name, text string) {
	t.Helper()
	temp := filepath.Join(k.opts.Dir, ".temp")
	if err := errors.Join(os.WriteFile(temp, []byte(text), 0o600), os.Rename(temp, filepath.Join(k.opts.Dir, name))); err != nil {
		t.Fatal(err)
	}
	k.Notify(name, Written)
}

func drop(t *testing.T, k *Kubelet, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(k.opts.Dir, name)); err != nil {
		t.Fatal(err)
	}
	k.Notify(name, Removed)
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// listed shows the pods of /pods: name, phase and whether it is ready.
func listed(k *Kubelet) string {
	var out []string
	for _, p := range k.Pods() {
		text := strings.TrimSuffix(p.Name, "-n") + " " + string(p.Status.Phase)
		if kubelet.PodReady(&p) {
			text += " ready"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// runs shows what the container runtime has at this very moment.
func runs(k *Kubelet) string {
	var out []string
	for _, p := range k.opts.Runtime.Running() {
		out = append(out, strings.TrimSuffix(p.Name, "-n"))
	}
	return strings.Join(out, ", ")
}

// bubble runs a simulator in virtual time on an empty directory.
func bubble(t *testing.T, opts Options, f func(t *testing.T, k *Kubelet)) {
	t.Helper()
	opts.Dir, opts.NodeName = t.TempDir(), "n"
	synctest.Test(t, func(t *testing.T) {
		k, _ := start(t, opts)
		f(t, k)
	})
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestBadFile: a bad file over a good one keeps the pod until the next listing, and no longer.
func TestBadFile(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, k *Kubelet) {
		put(t, k, "a.yaml", manifest("a", ""))
		put(t, k, "b.yaml", manifest("b", ""))
		pass(time.Second)
		put(t, k, "a.yaml", "kind: Pod\n")
		pass(18 * time.Second)
		want(t, "before the listing", listed(k), "a Running ready, b Running ready")
		pass(2 * time.Second)
		want(t, "after it", listed(k), "b Running ready")
		if v := k.Violations(); len(v) < 2 || v[0].Kind != KindParseError || filepath.Base(v[0].File) != "a.yaml" {
			t.Errorf("violations: %v", v)
		}
	})
}

// TestLastFileGoesBad: a listing without any pod stops them, but the kubelet remembers them until the next that has some.
func TestLastFileGoesBad(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, k *Kubelet) {
		put(t, k, "a.yaml", manifest("a", ""))
		pass(time.Second)
		put(t, k, "a.yaml", "kind: Pod\n")
		pass(25 * time.Second)
		want(t, "after a listing", listed(k), "")
		put(t, k, "b.yaml", manifest("b", ""))
		pass(2 * time.Second)
		want(t, "after an event", listed(k), "a Running ready, b Running ready")
	})
}

func TestMissingDirectory(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, k *Kubelet) {
		put(t, k, "a.yaml", manifest("a", ""))
		pass(time.Second)
		if err := os.RemoveAll(k.opts.Dir); err != nil {
			t.Fatal(err)
		}
		pass(20 * time.Second)
		want(t, "no directory", listed(k), "")
		pass(5 * time.Second)
		want(t, "its containers", runs(k), "")
	})
}

// TestRunningPodsIsACopy: what /runningpods/ lists may be older than what runs.
func TestRunningPodsIsACopy(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, k *Kubelet) {
		client := newClient(t, k)
		count := func() int {
			l, err := client.RunningPods(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(l.Items)
		}
		pass(2100 * time.Millisecond)
		put(t, k, "a.yaml", manifest("a", ""))
		pass(500 * time.Millisecond)
		if want(t, "running", runs(k), "a"); count() != 0 {
			t.Error("the pod is listed before the copy is renewed")
		}
		pass(1500 * time.Millisecond)
		if count() != 1 {
			t.Error("the pod is not listed after housekeeping")
		}
	})
}

// TestGrace: the containers stop by themselves, or are killed when the grace period is over.
func TestGrace(t *testing.T) {
	for stop, runsFor := range map[time.Duration]time.Duration{time.Second: time.Second, time.Hour: 4 * time.Second, -1: 4 * time.Second} {
		behaviour := func(*corev1.Pod) Behaviour { return Behaviour{Stop: stop} }
		bubble(t, Options{Behaviour: behaviour}, func(t *testing.T, k *Kubelet) {
			put(t, k, "a.yaml", manifest("a", ""))
			pass(time.Second)
			drop(t, k, "a.yaml")
			pass(runsFor - time.Millisecond)
			want(t, "pods", listed(k), "")
			want(t, "before its end", runs(k), "a")
			pass(time.Millisecond)
			want(t, "at its end", runs(k), "")
		})
	}
}

// TestKubeletRestart: containers outlive the kubelet; those that nobody asks for any more are stopped, the others kept.
func TestKubeletRestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		opts := Options{Dir: dir, NodeName: "n", Manual: true, Behaviour: func(*corev1.Pod) Behaviour { return Behaviour{Ready: time.Second} }}
		first, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		ctx, crash := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = first.Run(ctx) })
		<-first.Ready()
		put(t, first, "a.yaml", manifest("a", ""))
		put(t, first, "b.yaml", manifest("b", ""))
		pass(2 * time.Second)
		crash()
		run.Wait()
		if _, err := newClient(t, first).Pods(t.Context()); err == nil {
			t.Error("a dead kubelet answers")
		}
		drop(t, first, "b.yaml")
		opts.Runtime = first.opts.Runtime
		second, _ := start(t, opts)
		want(t, "at once", listed(second), "a Running")
		want(t, "containers at once", runs(second), "a, b")
		pass(time.Second)
		want(t, "once probed", listed(second), "a Running ready")
		pass(3 * time.Second)
		want(t, "containers after housekeeping", runs(second), "a")
		if slices.ContainsFunc(second.Log(), func(e Event) bool { return e.Kind == KindStarted }) {
			t.Error("the pod was started again")
		}
	})
}

// TestOverlap: the simulator sees what the project must never do.
func TestOverlap(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, k *Kubelet) {
		owner := "daemonsetd.io/daemonset: x/a"
		put(t, k, "a-1.yaml", manifest("a-1", owner))
		pass(time.Second)
		put(t, k, "other.yaml", manifest("other", "daemonsetd.io/daemonset: x/other"))
		put(t, k, "plain.yaml", manifest("plain", ""))
		put(t, k, "plain-2.yaml", manifest("plain-2", ""))
		pass(time.Second)
		if v := k.Violations(); len(v) > 0 {
			t.Errorf("violations of different owners: %v", v)
		}
		put(t, k, "a-2.yaml", manifest("a-2", owner))
		pass(time.Second)
		if v := k.Violations(); len(v) != 1 || v[0].Kind != KindOverlap || v[0].Owner != "x/a" {
			t.Errorf("violations: %v", v)
		}
	})
}

func TestDuplicate(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, k *Kubelet) {
		put(t, k, "a.yaml", manifest("a", ""))
		put(t, k, "b.yaml", manifest("a", "v: w"))
		pass(20 * time.Second)
		if v := k.Violations(); len(v) != 1 || v[0].Kind != KindDuplicate {
			t.Errorf("violations: %v", v)
		}
	})
}

// TestInjected goes through what a test can do to a pod.
func TestInjected(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, k *Kubelet) {
		put(t, k, "a.yaml", manifest("a", ""))
		if k.Restart("default", "a-n") || k.SetReady("default", "a-n", true) {
			t.Error("a pod that does not run was restarted or made ready")
		}
		pass(time.Second)
		if !k.SetReady("default", "a-n", false) {
			t.Error("no such pod")
		}
		pass(time.Minute)
		want(t, "not ready", listed(k), "a Running")
		if !k.Restart("default", "a-n") {
			t.Error("no such pod")
		}
		pass(time.Second)
		if got := k.Pods()[0].Status.ContainerStatuses[0].RestartCount; got != 1 {
			t.Errorf("%d restarts", got)
		}
		want(t, "ready again", listed(k), "a Running ready")
		if !k.Fail("default", "a-n", "Terminated", "the node shuts down") {
			t.Error("no such pod")
		}
		pass(time.Minute)
		want(t, "failed", listed(k), "a Failed")
		want(t, "its containers", runs(k), "")
		drop(t, k, "a.yaml")
		pass(time.Second)
		put(t, k, "a.yaml", manifest("a", ""))
		pass(100 * time.Millisecond)
		want(t, "back before housekeeping", listed(k), "a Failed")
	})
}

func TestRejectedByBehaviour(t *testing.T) {
	reject := true
	behaviour := func(*corev1.Pod) Behaviour {
		if reject {
			return Behaviour{Reject: "OutOfpods", Message: "too many"}
		}
		return DefaultBehaviour()
	}
	bubble(t, Options{Behaviour: behaviour}, func(t *testing.T, k *Kubelet) {
		put(t, k, "a.yaml", manifest("a", ""))
		pass(time.Second)
		if p := k.Pods()[0]; p.Status.Reason != "OutOfpods" || !strings.Contains(p.Status.Message, "too many") {
			t.Errorf("status %+v", p.Status)
		}
		k.mu.Lock()
		reject = false
		k.mu.Unlock()
		pass(time.Hour)
		want(t, "never tried again", listed(k), "a Failed")
		put(t, k, "a.yaml", manifest("a", "attempt: '2'"))
		pass(time.Second)
		want(t, "under a new UID", listed(k), "a Running ready")
	})
}

func TestFaults(t *testing.T) {
	bubble(t, Options{Version: "v1.30.0"}, func(t *testing.T, k *Kubelet) {
		client := newClient(t, k)
		ask := func() error { _, err := client.Pods(t.Context()); return err }
		state := func(err error) kubelet.State {
			e, _ := errors.AsType[*kubelet.Error](err)
			if e == nil {
				return ""
			}
			return e.State
		}
		for _, tc := range []struct {
			fault *Fault
			want  kubelet.State
		}{{nil, ""}, {&Fault{Status: 401}, kubelet.Unauthorised}, {&Fault{Body: "<html>"}, kubelet.BadAnswer}, {&Fault{Hang: true}, kubelet.Unreachable}, {nil, ""}} {
			k.SetFault("/pods", tc.fault)
			if err := ask(); state(err) != tc.want {
				t.Errorf("fault %+v: %v, want state %q", tc.fault, err, tc.want)
			}
		}
		k.SetDown(true)
		if err := ask(); state(err) != kubelet.Unreachable {
			t.Errorf("down: %v", err)
		}
		k.SetDown(false)
		if v, err := client.Version(t.Context()); v != "v1.30.0" || err != nil {
			t.Errorf("version %q, %v", v, err)
		}
		k.SetMemoryAvailable(7)
		if s, err := client.Summary(t.Context()); err != nil || *s.Node.Memory.AvailableBytes != 7 {
			t.Errorf("summary: %v", err)
		}
		if c, err := client.Configz(t.Context()); err != nil || c.StaticPodPath != k.opts.Dir {
			t.Errorf("configuration: %v", err)
		}
	})
}

// TestPollerOnSimulator: an agent's poller sees a pod come and go, and knows when it is gone.
func TestPollerOnSimulator(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, k *Kubelet) {
		p := kubelet.NewPoller(newClient(t, k), kubelet.PollerConfig{})
		p.Prime(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = p.Run(ctx) })
		defer run.Wait()
		defer cancel()
		put(t, k, "a.yaml", manifest("a", ""))
		p.Hurry()
		pass(5 * time.Second)
		if pod := p.Latest().Pod("default", "a", "n"); pod == nil || !kubelet.PodReady(pod) || len(p.Latest().Running.Last()) != 1 {
			t.Fatalf("pod %v", pod)
		}
		removed := time.Now()
		drop(t, k, "a.yaml")
		p.Hurry()
		for !goneNow(p, removed) {
			if time.Since(removed) > 3*time.Second {
				t.Fatal("the pod is not known to be gone")
			}
			pass(50 * time.Millisecond)
		}
		want(t, "what runs when it is known to be gone", runs(k), "")
	})
}

func goneNow(p *kubelet.Poller, removed time.Time) bool {
	gone, _ := p.Latest().Gone("default", "a-n", removed)
	return gone
}

// TestRealWatch: with fsnotify and a port, as the demonstration and the benchmarks use it.
func TestRealWatch(t *testing.T) {
	k, err := New(Options{Dir: t.TempDir(), NodeName: "n", Behaviour: func(*corev1.Pod) Behaviour { return Behaviour{} }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { _ = k.Run(ctx) })
	defer run.Wait()
	defer cancel()
	<-k.Ready()
	server, err := k.Listen()
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubelet.New(kubelet.Settings{URL: server.URL, HealthzURL: server.URL + "/healthz"}, kubelet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{Subject: Subject{Dir: k.opts.Dir, NodeName: "n", Client: client, Image: "busybox"}, ctx: ctx, files: map[string]bool{}}
	st.write("a.yaml", st.pod("a", "1"))
	st.await("ready", func(v view) bool { return v.ready("a") })
	st.remove("a.yaml")
	st.await("gone", func(v view) bool { return v.pod("a") == nil })
	if got := strings.Join(st.trace, ", "); got != "ready: yes, gone: yes" || st.err != nil {
		t.Errorf("%s, %v", got, st.err)
	}
	k.SetDown(true)
	if err := client.Health(ctx); err == nil {
		t.Error("a kubelet that is down answers")
	}
	client.Close()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

func TestNewWantsDirAndNode(t *testing.T) {
	for _, opts := range []Options{{}, {Dir: "x"}, {NodeName: "n"}} {
		if _, err := New(opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
}
