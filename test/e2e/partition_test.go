//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// TestPartition: five hosts in network namespaces of their own. Cut in two halves, each half goes on and sees the other failed;
// healed, all are equal again, with what was changed on either side. Then the same with the link of one host.
func TestPartition(t *testing.T) {
	const near, far = 3, 2
	f := newFleet(t, near+far, func(i int) string { return fmt.Sprintf("10.214.0.%d:7947", i+1) })
	network, err := f.host.NewNetwork(t.Context(), near, far)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range f.agents {
		a.network = network.Path(i)
	}
	f.start(t, f.agents, network.Addr(0).String(), network.Addr(3).String())
	f.all(t, formed, "all see all alive", f.agents, sees(states(f.agents)))
	f.equal(t, told)

	t.Run("Halves", func(t *testing.T) {
		if err := network.Split(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.apart(t, f.agents[:near], f.agents[near:])
		f.apart(t, f.agents[near:], f.agents[:near])
		f.change(t, f.agents[:near], f.agents[near:])
		if err := network.Heal(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.whole(t, f.agents[0], f.agents[near])
	})
	t.Run("OneLink", func(t *testing.T) {
		if err := network.Cut(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		others := append([]*agent{f.agents[0]}, f.agents[2:]...)
		// The one alone is not waited for: with nobody to agree with, it doubts for most of a minute.
		f.apart(t, others, f.agents[1:2])
		f.change(t, others, f.agents[1:2])
		if err := network.Mend(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		f.whole(t, others[0], f.agents[1])
	})
}

// apart waits until the hosts here see those there failed.
func (f *fleet) apart(t *testing.T, here, there []*agent) {
	t.Helper()
	f.all(t, noticed, fmt.Sprintf("%s see that %s failed", names(here), names(there)), here, sees(states(f.agents, there...)))
	f.all(t, told, "their nodes are not ready", here, ready(len(f.agents), names(there)...))
	f.all(t, told, "when they were last heard is told", here[:1], func(ctx context.Context, a *agent) error {
		var list api.MemberList
		if err := a.ask(ctx, &list, "members", there[0].node); err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].LastHeard.IsZero() {
			return fmt.Errorf("want to know when %s was last heard, got %+v", there[0].node, list.Items)
		}
		return nil
	})
}

// change changes a label on each side of the cut, which the other side does not see.
func (f *fleet) change(t *testing.T, one, other []*agent) {
	t.Helper()
	for _, side := range [][]*agent{one, other} {
		side[0].label(t, cutLabel(t))
	}
	for _, side := range [][]*agent{one, other} {
		f.all(t, told, fmt.Sprintf("%s see the change on their side alone", names(side)), side, labelled(cutLabel(t), side[0].node))
	}
}

// whole waits until all are equal again, with what was changed on both sides.
func (f *fleet) whole(t *testing.T, changed ...*agent) {
	t.Helper()
	f.all(t, healed, "healed: all see all alive", f.agents, sees(states(f.agents)))
	f.all(t, told, "all nodes are ready", f.agents, ready(len(f.agents)))
	f.all(t, told, "both changes are everywhere", f.agents, labelled(cutLabel(t), names(changed)...))
	f.equal(t, told)
}

// cutLabel is a label for each cut.
func cutLabel(t *testing.T) string { return "e2e.example/" + filepath.Base(t.Name()) + "=cut" }

func names(agents []*agent) []string {
	var names []string
	for _, a := range agents {
		names = append(names, a.node)
	}
	return names
}
