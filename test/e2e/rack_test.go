//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// rack is a fleet whose agents each have a kubelet and a containerd, in a network namespace of their own.
type rack struct {
	*fleet
	network *host.Network
	seed    netip.Addr
}

// newRack starts n hosts and prepares their agents.
func newRack(t *testing.T, n int) *rack {
	t.Helper()
	kubelet := buildProgram(t, "test/e2e/kubelet", "k8s.io/kubernetes/cmd/kubelet")
	r := &rack{fleet: emptyFleet(t)}
	var err error
	if r.network, err = r.host.NewNetwork(t.Context(), n, 0); err != nil {
		t.Fatal(err)
	}
	r.seed = r.network.Addr(0)
	hosts := make([]*host.Host, n)
	t.Cleanup(func() { stopHosts(t, hosts) })
	t.Cleanup(func() { r.showLogs(t) })
	var g errgroup.Group
	for i := range hosts {
		g.Go(func() (err error) {
			hosts[i], err = host.Start(context.WithoutCancel(t.Context()), host.Options{Kubelet: kubelet, NodeName: nodeName(i), Network: r.network.Path(i)})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatalf("starting the hosts: %v", err)
	}
	for i, h := range hosts {
		a := r.add(t, h, nodeName(i), netip.AddrPortFrom(r.network.Addr(i), 7947).String())
		a.flags = append(a.flags, kubeletFlags(h)...)
	}
	r.shareKey(t)
	return r
}

// stopHosts stops those that were started, all at once.
func stopHosts(t *testing.T, hosts []*host.Host) {
	t.Helper()
	var g errgroup.Group
	for _, h := range hosts {
		if h != nil {
			g.Go(h.Stop)
		}
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// lay writes a spec file on all hosts. Agents that run have read it then, so that none answers from the file before.
func (f *fleet) lay(t *testing.T, name, content string) {
	t.Helper()
	for _, a := range f.agents {
		a.spec(t, name+".yaml", content)
		if a.process != nil {
			a.must(t, "reload")
		}
	}
}

// rollout is what an agent says of a rollout.
func (a *agent) rollout(ctx context.Context, name string) (api.Rollout, error) {
	var r api.Rollout
	err := a.ask(ctx, &r, "rollout", "status", namespace+"/"+name, "--watch=false")
	return r, err
}

// rolledOut gives a check that a rollout is over everywhere, as an agent sees it, with pods of one revision on so many hosts.
func rolledOut(name string, hosts int) func(context.Context, *agent) error {
	return func(ctx context.Context, a *agent) error {
		r, err := a.rollout(ctx, name)
		if err != nil {
			return err
		}
		if !r.Done || r.RolledBack != "" || r.Counts.Updated != hosts || r.Counts.Available != hosts || r.Self.Running != r.Revision {
			return fmt.Errorf("rollout %+v", r)
		}
		return nil
	}
}

// endHoldDown stops all agents, lets the time be over in which a host does not take down a pod that was placed there for the first
// time, by changing when it ends in what the agents keep, and starts them again.
func (f *fleet) endHoldDown(t *testing.T) {
	t.Helper()
	for _, a := range f.agents {
		a.stop(t)
		path := a.path("state/rollouts.json")
		kept := map[string]json.RawMessage{}
		states := a.rolloutStates(t, &kept)
		for key, state := range states {
			if state.HeldUntil.Before(time.Now()) {
				t.Fatalf("%s: a first placement of %s is not held down: %+v", a.node, key, state)
			}
			state.HeldUntil = time.Now().Add(-time.Second)
			states[key] = state
		}
		var err error
		if kept["daemonsets"], err = json.Marshal(states); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(text))
	}
	f.start(t, f.agents)
}

// rolloutStates reads what the agent keeps of rollouts.
func (a *agent) rolloutStates(t *testing.T, kept *map[string]json.RawMessage) map[string]rollout.State {
	t.Helper()
	states := map[string]rollout.State{}
	text, err := os.ReadFile(a.path("state/rollouts.json"))
	if err = errors.Join(err, json.Unmarshal(text, kept)); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal((*kept)["daemonsets"], &states); err != nil || len(states) == 0 {
		t.Fatalf("states of rollouts: %v in %q", err, text)
	}
	return states
}

// marks are the present ends of the kubelets' logs, by node.
func (f *fleet) marks(t *testing.T) map[string]int64 {
	t.Helper()
	marks := map[string]int64{}
	for _, a := range f.agents {
		marks[a.node] = logMark(t, a.host)
	}
	return marks
}

// gap is when a host had no ready pod of a DaemonSet.
type gap struct {
	host.Span
	node string
}

// gaps gives when each host had none, from the kubelets' whole logs.
func (f *fleet) gaps(t *testing.T, name string) []gap {
	t.Helper()
	var gaps []gap
	for _, a := range f.agents {
		spans, err := a.host.Ready(namespace+"/"+name+"-", 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(spans) == 0 {
			t.Fatalf("the kubelet of %s says of no pod of %s that it was ready", a.node, name)
		}
		for _, s := range host.Gaps(spans) {
			gaps = append(gaps, gap{Span: s, node: a.node})
		}
	}
	return gaps
}

// oneAtATime fails when two of the times overlap, or there are not so many.
func oneAtATime(t *testing.T, gaps []gap, want int) {
	t.Helper()
	for i, a := range gaps {
		for _, b := range gaps[i+1:] {
			if a.Overlaps(b.Span) {
				t.Errorf("two hosts at once: %s from %s to %s, %s from %s to %s", a.node, a.Start, a.End, b.node, b.Start, b.End)
			}
		}
		t.Logf("%s for %s", a.node, a.End.Sub(a.Start).Round(time.Millisecond))
	}
	if len(gaps) != want {
		t.Errorf("want %d, one after the other, got %+v", want, gaps)
	}
}

// sandboxes gives when each pod of a DaemonSet ran on a host, which is when its sandbox did. Going back to a manifest gives a pod of
// the same UID, so that it does not tell pods apart.
func (a *agent) sandboxes(t *testing.T, name string) []host.Run {
	t.Helper()
	return slices.DeleteFunc(a.runs(t, name), func(r host.Run) bool { return r.Container != "" })
}

// podTimes are the sandboxes, of which there have to be so many.
func (a *agent) podTimes(t *testing.T, name string, want int) []host.Run {
	t.Helper()
	pods := a.sandboxes(t, name)
	if len(pods) != want {
		t.Errorf("%s: want %d pods of %s to have run, got %+v", a.node, want, name, pods)
	}
	return pods
}

// workload is a DaemonSet of these tests.
type workload struct {
	name, rev string
	// strategy is YAML of the updateStrategy in one line, annotations lines of YAML without indentation.
	strategy    string
	annotations []string
	// command is the container's; empty: of one that is ready after some seconds, so that there is time to do something to it.
	command string
}

// slow is ready 4 s after it starts, and ends at once when it is told to.
const slow = `[/bin/sh, -c, "trap 'exit 0' TERM; sleep 4 & wait $!; touch /ready; sleep 1000000 & wait $!"]`

func (w workload) yaml() string {
	command := w.command
	if command == "" {
		command = slow
	}
	var annotations strings.Builder
	for _, line := range w.annotations {
		annotations.WriteString("    " + line + "\n")
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: %[1]s
  namespace: %[2]s
  annotations:
    kubernetes.io/change-cause: revision %[3]s
%[6]sspec:
  selector:
    matchLabels: {app: %[1]s}
  updateStrategy: %[5]s
  template:
    metadata:
      labels: {app: %[1]s}
    spec:
      hostNetwork: true
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: %[4]s
        imagePullPolicy: Never
        command: %[7]s
        env:
        - {name: REV, value: %[3]q}
        readinessProbe:
          exec: {command: [/bin/test, -f, /ready]}
          periodSeconds: 1
`, w.name, namespace, w.rev, host.Image, w.strategy, annotations.String(), command)
}
