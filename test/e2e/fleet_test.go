//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// Bounds of what a fleet does, as docs/gossip.md and the simulations of package gossip have them: on a machine that has other
// things to do as well.
const (
	// formed is how long hosts that start at the same moment take to know each other.
	formed = 2 * time.Minute
	// told is how long a change takes to reach every host.
	told = 30 * time.Second
	// noticed is how long it takes until all know that a host does not answer.
	noticed = 2 * time.Minute
	// healed is how long it takes until all hosts are equal again once they can reach each other.
	healed = 3 * time.Minute
)

// together is how many agents are asked at one time.
const together = 4

// fleet is agents that gossip, on one machine.
type fleet struct {
	host   *host.Host
	agents []*agent
	// program and ctl are the built binaries.
	program, ctl string
}

// emptyFleet is a fleet that has no agent yet. What is left of it is removed when the test ends.
func emptyFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{program: buildProgram(t, ".", "./cmd/daemonsetd"), ctl: buildProgram(t, ".", "./cmd/dsctl")}
	var err error
	if f.host, err = host.New(host.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.clean(t) })
	return f
}

// newFleet prepares a fleet of n agents that have no kubelet and do not ask for one, with one key in a file of each. The address
// of an agent is addr's. None is started.
func newFleet(t *testing.T, n int, addr func(i int) string) *fleet {
	t.Helper()
	f := emptyFleet(t)
	t.Cleanup(func() { f.showLogs(t) })
	for i := range n {
		a := f.add(t, f.host, nodeName(i), addr(i))
		manifests := a.path("manifests")
		if err := os.Mkdir(manifests, 0o700); err != nil {
			t.Fatal(err)
		}
		a.flags = append(a.flags, "--kubelet-assume-ready", "--manifests-dir", manifests)
	}
	f.shareKey(t)
	return f
}

func nodeName(i int) string { return fmt.Sprintf("edge-%02d", i+1) }

// add prepares an agent on a host, a member at that address.
func (f *fleet) add(t *testing.T, h *host.Host, node, addr string) *agent {
	t.Helper()
	a := &agent{host: h, dir: filepath.Join(h.Dir, node), node: node, program: f.program, ctl: f.ctl}
	a.makeDirs(t)
	a.flags = []string{"--gossip-bind", addr, "--gossip-key-file", a.keyFile(), "--cluster", "e2e"}
	f.agents = append(f.agents, a)
	return a
}

func (a *agent) keyFile() string { return a.path("gossip.key") }

// shareKey makes a key on the first host and brings it to the others, as an operator does.
func (f *fleet) shareKey(t *testing.T) {
	t.Helper()
	first := f.agents[0]
	first.must(t, "keyring", "generate", "--key-file", first.keyFile())
	f.each(t, f.agents[1:], func(ctx context.Context, a *agent) error {
		_, err := a.dsctl(ctx, "keyring", "add", first.keyFile(), "--key-file", a.keyFile())
		return err
	})
}

// start starts agents. With seeds they are told of hosts to join.
func (f *fleet) start(t *testing.T, agents []*agent, seeds ...string) {
	t.Helper()
	for _, a := range agents {
		flags := a.flags
		for _, seed := range seeds {
			a.flags = append(slices.Clip(a.flags), "--gossip-join", seed)
		}
		a.start(t)
		a.flags = flags
	}
}

// clean ends everything.
func (f *fleet) clean(t *testing.T) {
	t.Helper()
	if err := f.host.Stop(); err != nil {
		t.Error(err)
	}
}

// showLogs shows the end of the logs if the test failed. It has to come before the hosts are cleaned.
func (f *fleet) showLogs(t *testing.T) {
	t.Helper()
	for _, a := range f.agents {
		if t.Failed() && a.process != nil {
			t.Logf("the end of the log of %s:\n%s", a.node, host.Tail(a.log(), 15))
		}
	}
}

// each does something for all of the agents, a few at a time; the first error ends the test.
func (f *fleet) each(t *testing.T, agents []*agent, do func(context.Context, *agent) error) {
	t.Helper()
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(together)
	for _, a := range agents {
		g.Go(func() error {
			if err := do(ctx, a); err != nil {
				return fmt.Errorf("%s: %w", a.node, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// all waits until the check passes for each of the agents, and tells how long that took.
func (f *fleet) all(t *testing.T, bound time.Duration, what string, agents []*agent, check func(context.Context, *agent) error) {
	t.Helper()
	start := time.Now()
	limit, cancel := context.WithTimeoutCause(t.Context(), bound, fmt.Errorf("%s: not within %s", what, bound))
	defer cancel()
	f.each(t, agents, func(_ context.Context, a *agent) error {
		return host.PollEvery(limit, 200*time.Millisecond, func() error { return errors.Join(a.process.Alive(), check(limit, a)) })
	})
	t.Logf("%s: after %s (bound %s)", what, time.Since(start).Round(10*time.Millisecond), bound)
}

// must runs the client, which must succeed.
func (a *agent) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := a.dsctl(t.Context(), args...)
	if err != nil {
		t.Fatalf("%s: %v", a.node, err)
	}
	return string(out)
}

// ask runs the client and decodes what it prints.
func (a *agent) ask(ctx context.Context, into any, args ...string) error {
	out, err := a.dsctl(ctx, append(args, "-o", "json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}

// sees gives a check that an agent has the members of the fleet in these states, by name.
func sees(want map[string]string) func(context.Context, *agent) error {
	return func(ctx context.Context, a *agent) error {
		var list api.MemberList
		if err := a.ask(ctx, &list, "members"); err != nil {
			return err
		}
		got := map[string]string{}
		for _, m := range list.Items {
			if m.Standing != api.StandingTrusted {
				return fmt.Errorf("member %s is %s", m.Name, m.Standing)
			}
			got[m.Name] = m.State
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("members (-want +got):\n%s", diff)
		}
		return nil
	}
}

// states has all of the agents alive, but for those that failed.
func states(agents []*agent, failed ...*agent) map[string]string {
	want := map[string]string{}
	for _, a := range agents {
		want[a.node] = api.MemberAlive
	}
	for _, a := range failed {
		want[a.node] = api.MemberFailed
	}
	return want
}

// labelled gives a check that exactly these nodes have the labels, as an agent sees them.
func labelled(selector string, want ...string) func(context.Context, *agent) error {
	return func(ctx context.Context, a *agent) error {
		var list corev1.NodeList
		if err := a.ask(ctx, &list, "get", "nodes", "-l", selector); err != nil {
			return err
		}
		var got []string
		for _, n := range list.Items {
			got = append(got, n.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("nodes with %s (-want +got):\n%s", selector, diff)
		}
		return nil
	}
}

// ready gives a check that the nodes are ready but for those named, which are not known to be.
func ready(nodes int, unknown ...string) func(context.Context, *agent) error {
	return func(ctx context.Context, a *agent) error {
		var list corev1.NodeList
		if err := a.ask(ctx, &list, "get", "nodes"); err != nil {
			return err
		}
		var got []string
		for _, n := range list.Items {
			if readiness(&n) != corev1.ConditionTrue {
				got = append(got, n.Name)
			}
		}
		if diff := cmp.Diff(unknown, got); diff != "" || len(list.Items) != nodes {
			return fmt.Errorf("%d nodes of %d; not ready (-want +got):\n%s", len(list.Items), nodes, diff)
		}
		return nil
	}
}

func readiness(n *corev1.Node) corev1.ConditionStatus {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status
		}
	}
	return ""
}

// holdings is what an agent holds: which version of which record, by member and section.
type holdings map[string]string

func (a *agent) holdings(ctx context.Context) (holdings, error) {
	var list api.MemberList
	if err := a.ask(ctx, &list, "members"); err != nil {
		return nil, err
	}
	h := holdings{}
	for _, m := range list.Items {
		for _, r := range m.Records {
			h[m.Name+"/"+r.Section] = fmt.Sprintf("%d.%d", r.Generation, r.Version)
		}
	}
	return h, nil
}

// equal waits until all hold the same, four sections of each host.
func (f *fleet) equal(t *testing.T, bound time.Duration) {
	t.Helper()
	f.all(t, bound, "all hold the same records", f.agents, func(ctx context.Context, a *agent) error {
		// The first is asked each time as well, as its own records may be the newest.
		want, err := f.agents[0].holdings(ctx)
		if err != nil {
			return err
		}
		got, err := a.holdings(ctx)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) != 4*len(f.agents) {
			return fmt.Errorf("%d records of %d (-%s +%s):\n%s", len(got), 4*len(f.agents), f.agents[0].node, a.node, diff)
		}
		return nil
	})
}

// metric sums an agent's samples whose name and labels contain all of the parts.
func (a *agent) metric(ctx context.Context, parts ...string) (float64, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", a.socket())
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+api.Host+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return 0, errors.Join(err, fmt.Errorf("metrics: %s", resp.Status))
	}
	return sumOf(string(body), parts)
}

func sumOf(text string, parts []string) (float64, error) {
	var sum float64
next:
	for line := range strings.Lines(text) {
		for _, part := range parts {
			if strings.HasPrefix(line, "#") || !strings.Contains(line, part) {
				continue next
			}
		}
		var value float64
		if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &value); err != nil {
			return 0, fmt.Errorf("metric %q: %w", line, err)
		}
		sum += value
	}
	return sum, nil
}
