package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func newForgetCommand(d *deps) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "forget NODE|ID",
		Short: "Forget a member of the fleet that will not come back",
		Long: long(`Forget a member that was taken out of the fleet for good. Until then it counts as one that is not available, so that
rolling updates wait for it. What was known of it is shown, and is not taken from others any more.

Only this host forgets it: no member can make others forget one. For all hosts, list its id under forgotten in
members.yaml and lay that file out as you do the others. A member that is alive is refused; --force forgets it
nevertheless, until it starts anew. Where several members have the name, the id is needed.`,
			online("the member is alive or does not exist, gossip is off, or it failed")),
		Example: example("dsctl forget edge-7", "dsctl forget 5qz3kfhqv7wfwkzrm2q6ipx3ea --force"),
		Args:    cobra.ExactArgs(1),
		RunE: d.verb(func(ctx context.Context, args []string) error {
			return d.runForget(ctx, api.ForgetRequest{Member: args[0], Force: force})
		}),
	}
	cmd.ValidArgsFunction = d.completeMembers(func(m api.Member) bool { return !m.Self && m.State != api.MemberAlive })
	cmd.Flags().BoolVar(&force, "force", false, "forget a member that is alive")
	return cmd
}

func (d *deps) runForget(ctx context.Context, req api.ForgetRequest) error {
	c := d.client()
	defer c.Close()
	res, err := c.Forget(ctx, req)
	if err != nil {
		return err
	}
	m := &res.Forgotten
	err = d.print(view{object: res, names: []string{memberListing(false).name(m)}, text: func(p page) error {
		p.printf("member %s forgotten on this host: %s\n", memberName(m), lastKnown(m))
		return nil
	}})
	if err != nil {
		return err
	}
	for _, w := range res.Warnings {
		d.warnf("%s", w)
	}
	d.notef("the other hosts still know it; list its id under forgotten in %s on each of them", rosterFile(res.Roster))
	return nil
}

// memberName is name and id, as far as there are.
func memberName(m *api.Member) string {
	switch {
	case m.ID == "":
		return cellText(m.Name)
	case m.Name == "":
		return cellText(m.ID)
	default:
		return cellText(m.Name) + " (" + cellText(m.ID) + ")"
	}
}

// lastKnown is a member in a sentence: "Failed for 3d, last heard 3d ago, 192.0.2.7:7947".
func lastKnown(m *api.Member) string {
	parts := []string{stateFor(m), lastHeard(m)}
	if m.Address != "" {
		parts = append(parts, cellText(m.Address))
	}
	return strings.Join(parts, ", ")
}

func stateFor(m *api.Member) string {
	if m.Since.IsZero() {
		return m.State
	}
	return m.State + " for " + age(m.Since)
}

func lastHeard(m *api.Member) string {
	if m.LastHeard.IsZero() {
		return "not heard since the agent started"
	}
	return "last heard " + age(m.LastHeard) + " ago"
}

// rosterFile is what the agent calls it.
func rosterFile(path string) string {
	if path == "" {
		return "members.yaml"
	}
	return path
}
