//go:build sim

package fleetsim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/test/fleetsim"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

const (
	// o2Hosts are the hosts of each fleet, and o2Watched how long a broken program has time to go round.
	o2Hosts   = 12
	o2Watched = 5 * time.Minute
	// o2Glance is how often the real controller is taken to look: it was measured to act within 18 to 63 ms.
	o2Glance = 50 * time.Millisecond
)

// broken is a program that does not work. Its pods take 2 s from the end of the old one until they run.
type broken struct {
	name string
	// probe: it has a readiness probe, and so no soak.
	probe bool
	new   kubeletsim.Behaviour
	// most is at how many hosts the rollout has to stop: the budget, 1, and as many more as become available one after
	// another while the first still works. least is the same from below: no pod stops for an image that cannot be pulled.
	least, most int
}

func brokenPrograms() []broken {
	const start, stop = time.Second, time.Second
	return []broken{
		{"image that does not exist", false, kubeletsim.Behaviour{Waits: "ErrImagePull", Stop: stop}, 0, 0},
		{"exits after 1 s", false, kubeletsim.Behaviour{Start: start, Exit: time.Second, Stop: stop}, 1, 1},
		// The next one is available 12 s after the first; the kubelet starts a container that ends for the first time again at
		// once, so that only its second end, after a minute, keeps it away for longer than the soak.
		{"exits after 30 s", false, kubeletsim.Behaviour{Start: start, Exit: 30 * time.Second, Stop: stop}, 1, 5},
		// The first one is available for 3 s, in which the second goes.
		{"loses readiness after 5 s", true, kubeletsim.Behaviour{Start: start, Ready: 2 * time.Second, Lose: 5 * time.Second, Stop: stop}, 1, 2},
	}
}

func (b broken) behaviour(p *corev1.Pod) kubeletsim.Behaviour {
	if p.Spec.Containers[0].Image == "logger:2" {
		return b.new
	}
	return kubeletsim.Behaviour{Start: time.Second, Ready: b.new.Ready, Stop: time.Second}
}

// TestFaultO2Touched: how many of 12 hosts a broken program is started on by default, with a budget of 1, beside what the
// real controller does with the same kubelets. With -v it prints the table that docs/rollout.md has.
func TestFaultO2Touched(t *testing.T) {
	table := []string{fmt.Sprintf("| a program that | of %d hosts touched | real controller |", o2Hosts), "|---|---|---|"}
	for _, b := range brokenPrograms() {
		var here, there int
		t.Run(b.name, func(t *testing.T) {
			here = touchedHere(t, b)
			if here < b.least || here > b.most {
				t.Errorf("%d of %d hosts have it, want from %d to %d", here, o2Hosts, b.least, b.most)
			}
		})
		t.Run(b.name+", real controller's rule", func(t *testing.T) { there = touchedByController(t, b) })
		table = append(table, fmt.Sprintf("| %s | %d | %d |", b.name, here, there))
	}
	t.Log("\n" + strings.Join(table, "\n"))
}

// touchedHere is how many hosts of a fleet of agents the program was started on.
func touchedHere(t *testing.T, b broken) (touched int) {
	cfg := fleetsim.Config{
		Hosts: o2Hosts, Seed: 3, MembersFile: true, Log: t.Output(), Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond},
		Behaviour: func(_ int, p *corev1.Pod) kubeletsim.Behaviour { return b.behaviour(p) },
	}
	file := func(image string) string {
		text := strings.Replace(logger(image, ""), "daemonsetd.io/soak: 0s", "", 1)
		if b.probe {
			text = strings.Replace(text, fmt.Sprintf(`image: "%s"}`, image), fmt.Sprintf(`image: "%s", readinessProbe: {exec: {command: [ready]}}}`, image), 1)
		}
		return text
	}
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		f.LayAll("logger.yaml", file("logger:1"))
		f.StartAll()
		watch(t, f, len(f.Hosts), time.Minute, func() bool { return f.Count(key, "logger:1") == len(f.Hosts) })
		f.Step(30 * time.Second)
		f.Age()
		f.Step(time.Minute)
		f.LayAll("logger.yaml", file("logger:2"))
		f.Step(o2Watched)
		for _, h := range f.Hosts {
			for _, p := range h.Kubelet.Pods() {
				if p.Spec.Containers[0].Image == "logger:2" && p.Annotations[render.AnnotationDaemonSet] != "" {
					touched++
				}
			}
		}
	})
	return touched
}

// node is one node under the real controller: a kubelet whose pods come from it, one at a time.
type node struct {
	dir     string
	kubelet *kubeletsim.Kubelet
	runtime *kubeletsim.Runtime
	// old: its pod is still the old one; gone: that was deleted and has not ended.
	old, gone bool
}

func (n *node) put(t *testing.T, image string) {
	t.Helper()
	pod := corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: strings.Replace(image, ":", "-", 1)},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64(2)), Containers: []corev1.Container{{Name: "main", Image: image}},
		},
	}
	data, err := json.Marshal(pod)
	if err == nil {
		err = os.WriteFile(filepath.Join(n.dir, "pod.yaml"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// available: Kubernetes' rule with minReadySeconds 0.
func (n *node) available() bool {
	pods := n.kubelet.Pods()
	return len(pods) == 1 && kubelet.PodAvailable(&pods[0], 0, time.Now())
}

// touchedByController is how many nodes the program was started on by the rule of the real controller's rolling update
// (rollingUpdate in pkg/controller/daemon/update.go): an old pod that is not available goes at once, one that is while
// fewer than maxUnavailable, 1, of all nodes have no available pod.
func touchedByController(t *testing.T, b broken) (touched int) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var nodes []*node
		for i := range o2Hosts {
			n := &node{dir: t.TempDir(), runtime: kubeletsim.NewRuntime(), old: true}
			var err error
			n.kubelet, err = kubeletsim.New(kubeletsim.Options{
				Dir: n.dir, NodeName: fmt.Sprintf("node-%d", i), Manual: true, ScanEvery: 2 * o2Glance, RunningAge: -1, Runtime: n.runtime,
				Behaviour: b.behaviour, Seed: uint64(i), //nolint:gosec // it is small
			})
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = n.kubelet.Run(ctx) }()
			n.put(t, "logger:1")
			nodes = append(nodes, n)
		}
		time.Sleep(time.Minute)
		for begin := time.Now(); time.Since(begin) < o2Watched; time.Sleep(o2Glance) {
			control(t, nodes)
		}
		for _, n := range nodes {
			if !n.old {
				touched++
			}
		}
	})
	return touched
}

// control is one look of the controller at its nodes.
func control(t *testing.T, nodes []*node) {
	t.Helper()
	down := 0
	var candidates []*node
	for _, n := range nodes {
		if n.gone && len(n.runtime.Running()) == 0 && len(n.kubelet.Pods()) == 0 {
			n.gone = false
			n.put(t, "logger:2")
		}
		switch available := n.available(); {
		case n.gone:
			down++
		case !available && n.old:
			n.remove(t)
			down++
		case !available:
			down++
		case n.old:
			candidates = append(candidates, n)
		}
	}
	for _, n := range candidates[:min(max(1-down, 0), len(candidates))] {
		n.remove(t)
	}
}

func (n *node) remove(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(n.dir, "pod.yaml")); err != nil {
		t.Fatal(err)
	}
	n.old, n.gone = false, true
}
