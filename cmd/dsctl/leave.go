package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func newLeaveCommand(d *deps) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Tell the fleet that this host leaves it for good",
		Long: long(`Tell all other hosts that this one leaves for good, before it is switched off. It is a signed record of this host, so
nobody has to be asked: it is listed as Left, no rolling update waits for it, and dsctl forget can drop it later. A host
that is only restarted or upgraded does not leave.

It is refused while DaemonSets have pods here: nobody would count them any more. Stop the agent afterwards; the
next start takes it back.`,
			online("DaemonSets have pods here, gossip is off, or it failed")),
		Example: example("dsctl leave && systemctl disable --now daemonsetd"),
		Args:    noArgs,
		RunE: d.verb(func(ctx context.Context, _ []string) error {
			return d.runLeave(ctx, api.LeaveRequest{Force: force})
		}),
	}
	cmd.Flags().BoolVar(&force, "force", false, "leave though DaemonSets have pods here")
	return cmd
}

func (d *deps) runLeave(ctx context.Context, req api.LeaveRequest) error {
	c := d.client()
	defer c.Close()
	res, err := c.Leave(ctx, req)
	if err != nil {
		return err
	}
	err = d.print(view{object: res, names: []string{res.ID}, text: func(p page) error {
		p.printf("%s (%s) has left the fleet; %d members were there to hear it\n", cellText(res.Name), cellText(res.ID),
			res.Told)
		return nil
	}})
	if err != nil {
		return err
	}
	if len(res.Pods) > 0 {
		d.warnf("pods of %s still run here", strings.Join(res.Pods, ", "))
	}
	d.notef("stop the agent now; its next start takes the host back")
	return nil
}
