package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func newTrustCommand(d *deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust NODE|ID...",
		Short: "Trust members whose key is new",
		Long: long(`Trust an untrusted member: pin its name to its key, in the place of the key that the name was pinned to, and forget
the old one. Do so when you know why the key is new, for example because the host was installed anew; compare the
fingerprint with what dsctl members shows on that host. Both are shown.

Only this host trusts it: no member can make others trust one, so every host that holds it back needs the command. For
many hosts or many members, give the keys in members.yaml and install that file everywhere; dsctl members --write-roster
prints one. If several untrusted members have the name, the id is needed. If one of several
members cannot be trusted, the others are all the same, and the exit code is 1.`,
			online("no untrusted member has that name, several have it, gossip is off, or it failed")),
		Example: example("dsctl members edge-7 -o wide", "dsctl trust edge-7 edge-8",
			"dsctl trust 5qz3kfhqv7wfwkzrm2q6ipx3ea"),
		Args: atLeastOne("one member: NODE or ID"),
		RunE: d.verb(func(ctx context.Context, args []string) error {
			var last *api.TrustResult
			err := d.each(args, func(member string) error {
				res, err := d.runTrust(ctx, api.TrustRequest{Member: member})
				if err == nil && res.Changed {
					last = res
				}
				return err
			})
			if last != nil {
				d.notef("this is for this host alone: hosts that hold it back need the same command, or its key in %s; dsctl "+
					"members --write-roster prints such a file",
					rosterFile(last.Roster))
			}
			return err
		}),
	}
	cmd.ValidArgsFunction = d.completeMembers(func(m api.Member) bool { return m.Standing == api.StandingUntrusted })
	return cmd
}

func (d *deps) runTrust(ctx context.Context, req api.TrustRequest) (*api.TrustResult, error) {
	c := d.client()
	defer c.Close()
	res, err := c.Trust(ctx, req)
	if err != nil {
		return nil, err
	}
	err = d.print(view{object: res, names: []string{res.New.ID}, text: func(p page) error { return printTrust(p, res) }})
	if err != nil {
		return nil, err
	}
	for _, w := range res.Warnings {
		d.warnf("%s", w)
	}
	return res, nil
}

func printTrust(p page, res *api.TrustResult) error {
	if !res.Changed {
		p.printf("member %s (%s) is trusted already\n", cellText(res.Name), cellText(res.New.ID))
		return nil
	}
	p.printf("member %s is now %s\n", cellText(res.Name), cellText(res.New.ID))
	if res.Old != nil {
		printPinned(p, "old", *res.Old)
	}
	printPinned(p, "new", res.New)
	return nil
}

func printPinned(p page, which string, k api.PinnedKey) {
	p.printf("  %s  %s  %s\n", which, cellText(k.ID), cellText(k.KeyFingerprint))
}
