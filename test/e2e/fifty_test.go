//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// fiftyYAML is a DaemonSet for nodes with one label.
const fiftyYAML = "      nodeSelector: {e2e.example/role: edge}\n"

// TestFifty: fifty agents with real sockets on loopback addresses know each other, tell each other what changes, notice who is
// killed, take another key without losing sight of anybody, and find each other again after all were killed, with nobody to join.
func TestFifty(t *testing.T) {
	const hosts = 50
	addr := func(i int) string { return fmt.Sprintf("127.77.0.%d:7947", i+1) }
	f := newFleet(t, hosts, addr)
	// One lacks the spec file.
	lacks := f.agents[8]
	for _, a := range f.agents {
		if a != lacks {
			a.spec(t, "web.yaml", daemonSetYAML("web", "1", fiftyYAML))
		}
	}
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"Form", func(t *testing.T) {
			f.start(t, f.agents, addr(0), addr(1), addr(2))
			f.all(t, formed, "all see all alive", f.agents, sees(states(f.agents)))
			f.all(t, told, "all see all nodes ready", f.agents, ready(hosts))
		}},
		{"Label", func(t *testing.T) { f.labelSeen(t, f.agents[6], "e2e.example/role=edge") }},
		{"Placement", func(t *testing.T) { f.placement(t, f.agents[6], f.agents[7], lacks) }},
		{"Keys", f.rotateKey},
		{"Failed", func(t *testing.T) { f.loseOne(t, f.agents[12]) }},
		{"MassRestart", func(t *testing.T) {
			for _, a := range f.agents {
				a.kill(t)
			}
			f.start(t, f.agents)
			f.all(t, formed, "all killed and started with nobody to join: all see all alive", f.agents, sees(states(f.agents)))
			f.all(t, told, "the label is still seen", f.agents, labelled("e2e.example/role=edge", f.agents[6].node))
			f.equal(t, healed)
		}},
		{"Stop", func(t *testing.T) {
			f.each(t, f.agents, func(_ context.Context, a *agent) error {
				return errors.Join(a.process.Stop(patience), a.process.ExitErr())
			})
		}},
	} {
		if !t.Run(step.name, step.run) {
			return
		}
	}
}

// labelSeen sets a label on one host, and all see it there and nowhere else.
func (f *fleet) labelSeen(t *testing.T, a *agent, label string) {
	t.Helper()
	a.label(t, label)
	f.all(t, told, fmt.Sprintf("all see the label %s of %s", label, a.node), f.agents, labelled(label, a.node))
}

// placement: what the verbs say from any host, of one host that a DaemonSet belongs on, one that it does not, and one that lacks
// the file.
func (f *fleet) placement(t *testing.T, runs, other, lacks *agent) {
	from := f.agents[29]
	f.all(t, told, "who lacks the file is seen", []*agent{from, lacks}, func(ctx context.Context, a *agent) error {
		var list api.SpecFileList
		if err := a.ask(ctx, &list, "get", "specs"); err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].Have != len(f.agents)-1 || cmp.Diff([]string{lacks.node}, list.Items[0].Lack.Names) != "" {
			return fmt.Errorf("want one file that %s alone lacks, got %+v", lacks.node, list.Items)
		}
		return nil
	})
	for _, c := range []struct {
		node *agent
		want bool
	}{{runs, true}, {other, false}} {
		var list []api.Explanation
		if err := from.ask(t.Context(), &list, "explain", namespace+"/web", "--node", c.node.node); err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || list[0].ShouldRun != c.want || list[0].Node != c.node.node || list[0].Facts == nil || list[0].Facts.State != api.MemberAlive {
			t.Errorf("explain --node %s: want it to run there: %t, got %+v", c.node.node, c.want, list)
		}
	}
	f.all(t, told, "its pod's manifest is where it belongs", []*agent{runs}, func(context.Context, *agent) error {
		entries, err := os.ReadDir(runs.path("manifests"))
		if len(entries) != 1 {
			err = errors.Join(err, fmt.Errorf("%d manifests", len(entries)))
		}
		return err
	})
	lines := strings.Split(strings.TrimSpace(from.must(t, "get", "nodes")), "\n")
	if len(lines) != len(f.agents)+1 || strings.Join(strings.Fields(lines[0])[:3], " ") != "NAME STATUS ROLES" {
		t.Errorf("dsctl get nodes: want kubectl's columns and %d nodes, got\n%s", len(f.agents), strings.Join(lines, "\n"))
	}
}

// rotateKey changes the shared key on all hosts, as docs/gossip.md says it, while they run: no agent ever hears what it cannot
// open, and none loses sight of another.
func (f *fleet) rotateKey(t *testing.T) {
	stop := f.watchAlive(t, f.agents[1], f.agents[45])
	fresh := filepath.Join(f.host.Dir, "fresh.key")
	old, another := fingerprints(t, f.agents[0].must(t, "keyring", "list", "--key-file", f.agents[0].keyFile(), "-o", "json")),
		fingerprints(t, f.agents[0].must(t, "keyring", "generate", "--key-file", fresh, "-o", "json"))
	for i, step := range []struct {
		args []string
		want []string
	}{
		{[]string{"add", fresh}, []string{old[0], another[0]}},
		{[]string{"use", another[0]}, []string{another[0], old[0]}},
		{[]string{"remove", old[0]}, another},
	} {
		f.each(t, f.agents, func(ctx context.Context, a *agent) error {
			_, err := a.dsctl(ctx, append([]string{"keyring", "--key-file", a.keyFile()}, step.args...)...)
			return err
		})
		f.all(t, told, "all agents use the keys after keyring "+step.args[0], f.agents, func(ctx context.Context, a *agent) error {
			status, err := a.status(ctx)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(step.want, status.Gossip.GossipKeys); diff != "" {
				return fmt.Errorf("keys (-want +got):\n%s", diff)
			}
			return nil
		})
		f.labelSeen(t, f.agents[20+i], fmt.Sprintf("e2e.example/step=%d", i))
	}
	stop()
	f.each(t, f.agents, func(ctx context.Context, a *agent) error {
		lost, err := a.metric(ctx, "daemonsetd_gossip_dropped_total", `reason="not-opened"`)
		if lost != 0 {
			err = errors.Join(err, fmt.Errorf("%v packets could not be opened", lost))
		}
		return err
	})
}

// fingerprints are those of the keys in what dsctl keyring prints.
func fingerprints(t *testing.T, out string) []string {
	t.Helper()
	var file struct {
		Keys []struct{ Fingerprint string }
	}
	if err := json.Unmarshal([]byte(out), &file); err != nil || len(file.Keys) == 0 {
		t.Fatalf("dsctl keyring: %v in %q", err, out)
	}
	var prints []string
	for _, k := range file.Keys {
		prints = append(prints, k.Fingerprint)
	}
	return prints
}

// watchAlive has agents asked again and again whether all are alive, until the function that it returns is called.
func (f *fleet) watchAlive(t *testing.T, agents ...*agent) func() {
	ctx, cancel := context.WithCancel(t.Context())
	var g errgroup.Group
	for _, a := range agents {
		g.Go(func() error {
			for asked := 1; ctx.Err() == nil; asked++ {
				if err := sees(states(f.agents))(ctx, a); err != nil && ctx.Err() == nil {
					return fmt.Errorf("%s, asked for the %d. time: %w", a.node, asked, err)
				}
			}
			return nil
		})
	}
	return func() {
		t.Helper()
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// loseOne: a host that is killed is seen failed by all, can be forgotten by one, and is back once it is started.
func (f *fleet) loseOne(t *testing.T, lost *agent) {
	var others []*agent
	for _, a := range f.agents {
		if a != lost {
			others = append(others, a)
		}
	}
	lost.kill(t)
	f.all(t, noticed, lost.node+" killed: all others see it failed", others, sees(states(f.agents, lost)))
	f.all(t, told, "its node is not ready", others[:2], ready(len(f.agents), lost.node))

	others[0].must(t, "forget", lost.node)
	f.all(t, told, "it is forgotten on one host", others[:1], sees(states(others)))
	f.all(t, told, "and known on the others", others[1:3], sees(states(f.agents, lost)))

	f.start(t, []*agent{lost})
	f.all(t, healed, lost.node+" started: all see it again", f.agents, sees(states(f.agents)))
	f.equal(t, healed)
}
