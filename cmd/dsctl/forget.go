package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func newForgetCommand(d *deps) *cobra.Command {
	var force, neverSeen bool
	var older time.Duration
	cmd := &cobra.Command{
		Use:   "forget (NODE|ID... | --never-seen)",
		Short: "Forget members of the fleet that will not come back",
		Long: long(`Forget members that were taken out of the fleet for good. Until then each counts as one that is not available, so that
rolling updates wait for it. What was known of it is shown, and is not taken from others any more.

Only this host forgets: no member can make others forget one. The other hosts still wait for it; run the command there
too, or list its id under forgotten in members.yaml and install that file everywhere. A member that is alive is refused;
--force forgets it nevertheless, until it starts anew. If several members have the name, the id is needed. If one of
several members cannot be forgotten, the others are all the same, and the exit code is 1.

--never-seen forgets all that this host has never had an answer from, in any of its runs, and has known for --older or
longer: members that somebody with the gossip key has made up. Members that are alive, that members.yaml lists or that
were trusted by hand are kept. Run it on all hosts, or they tell each other of them again. In a fleet of more than 3,000
hosts give a longer --older: a host needs hours to have had an answer from each of so many.`,
			online("a member is alive or does not exist, gossip is off, or it failed")),
		Example: example("dsctl forget edge-7", "dsctl forget edge-7 edge-8 5qz3kfhqv7wfwkzrm2q6ipx3ea --force",
			"dsctl forget --never-seen --older 24h"),
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case neverSeen && (len(args) > 0 || force):
				return errors.New("--never-seen chooses the members itself: give no other, and no --force")
			case neverSeen:
				return nil
			case cmd.Flags().Changed("older"):
				return errors.New("--older is for --never-seen alone")
			}
			return atLeastOne("a member: NODE or ID")(cmd, args)
		},
		RunE: d.verb(func(ctx context.Context, args []string) error {
			if neverSeen {
				return d.runForgetNeverSeen(ctx, older)
			}
			return d.runForget(ctx, args, force)
		}),
	}
	cmd.ValidArgsFunction = d.completeMembers(func(m api.Member) bool { return !m.Self && m.State != api.MemberAlive })
	cmd.Flags().BoolVar(&force, "force", false, "forget members that are alive")
	cmd.Flags().BoolVar(&neverSeen, "never-seen", false, "forget all that this host has never had an answer from")
	cmd.Flags().DurationVar(&older, "older", time.Hour, "with --never-seen: only those that have been known for this long")
	return cmd
}

// runForget forgets one after the other.
func (d *deps) runForget(ctx context.Context, members []string, force bool) error {
	var last *api.ForgetResult
	err := d.each(members, func(m string) error {
		res, err := d.forgetOne(ctx, api.ForgetRequest{Member: m, Force: force})
		if err == nil {
			last = res
		}
		return err
	})
	if last != nil {
		d.notef("the other hosts still wait for it; run the command there too, or list its id under forgotten in %s on "+
			"each of them",
			rosterFile(last.Roster))
	}
	return err
}

func (d *deps) runForgetNeverSeen(ctx context.Context, older time.Duration) error {
	if older < 0 {
		return usagef("--older %s is negative", older)
	}
	c := d.client()
	defer c.Close()
	res, err := c.Forget(ctx, api.ForgetRequest{NeverSeen: true, OlderSeconds: older.Seconds()})
	if err != nil {
		return err
	}
	err = d.print(view{object: res, names: res.IDs, text: func(p page) error {
		p.printf("%s forgotten on this host that had never answered it\n", count(len(res.IDs), "member"))
		return nil
	}})
	if err != nil {
		return err
	}
	for _, w := range res.Warnings {
		d.warnf("%s", w)
	}
	if len(res.IDs) > 0 {
		d.notef("the other hosts still know them: run the command there too")
	}
	return nil
}

func (d *deps) forgetOne(ctx context.Context, req api.ForgetRequest) (*api.ForgetResult, error) {
	c := d.client()
	defer c.Close()
	res, err := c.Forget(ctx, req)
	if err != nil {
		return nil, err
	}
	m := &res.Forgotten
	err = d.print(view{object: res, names: []string{memberListing(false).name(m)}, text: func(p page) error {
		p.printf("member %s forgotten on this host: %s\n", memberName(m), lastKnown(m))
		return nil
	}})
	if err != nil {
		return nil, err
	}
	for _, w := range res.Warnings {
		d.warnf("%s", w)
	}
	return res, nil
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
	since := m.Since
	if m.State == api.MemberLeft && m.LastHeard.After(since) {
		// A member that says goodbye has been alive until then.
		since = m.LastHeard
	}
	return m.State + " for " + age(since)
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
