package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func newRolloutReleaseCommand(d *deps) *cobra.Command {
	namespace := ""
	cmd := &cobra.Command{
		Use:   "release DAEMONSET",
		Short: "End this host's hold after a DaemonSet came to it",
		Long: long(`End the hold of this host, and of no other: for 10 minutes after a DaemonSet came to it, a host replaces no available
pod of it. By then every host that it can reach knows of it and counts it, and it knows of them. The DaemonSet's
rollout status says until when the hold lasts.

With the hold you give up that certainty: a host that has not heard of this one yet may have its pod down at the same
time, so that one pod more than the budget is down for each host that you release. Release a host if all others list
it (dsctl members there), or if this is the first update after an installation and nothing depends on the budget yet.
After a disk was set back, do not: the hold is for what this host told last and has forgotten.

Everything else is waited for as ever. The agent records an event. DAEMONSET is NAME, NAMESPACE/NAME or ds/NAME.`,
			online("the host is not on hold, there is no such DaemonSet, or it failed")),
		Example: example("dsctl rollout release kube-system/web"),
		Args:    daemonSetArgs,
		RunE:    d.verb(func(ctx context.Context, args []string) error { return d.runRolloutRelease(ctx, namespace, args) }),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	d.addNamespaceFlag(cmd, &namespace)
	return cmd
}

func (d *deps) runRolloutRelease(ctx context.Context, namespace string, args []string) error {
	name, err := oneDaemonSet(namespace, args)
	if err != nil {
		return err
	}
	c := d.client()
	defer c.Close()
	res, err := c.Release(ctx, api.RolloutActRequest{DaemonSet: name})
	if err != nil {
		return err
	}
	return d.print(view{object: res, names: []string{kubectlName(res.DaemonSet)}, text: func(p page) error {
		p.printf("%s on node %s released: it was on hold until %s\n", kubectlName(res.DaemonSet), cellText(res.Node),
			res.Until.Local().Format(time.TimeOnly))
		if res.Message != "" {
			p.printf("  waits: %s\n", cellText(res.Message))
		}
		p.next("dsctl rollout status %s --watch=false", res.DaemonSet)
		return nil
	}})
}

func newRolloutResetCommand(d *deps) *cobra.Command {
	namespace, force := "", false
	cmd := &cobra.Command{
		Use:   "reset DAEMONSET",
		Short: "Begin the generations of a rollout anew on this host",
		Long: long(`Begin a new epoch of a DaemonSet's rollout on this host, and on no other. Hosts compare epochs before generations; in
the new one generations and classes begin at 1. It is the way out if a member that lied, or an agent of an earlier
version, drove generations so far up that hosts do not believe each other any more (StepTooLarge in dsctl rollout
status).

Forget the liar first (dsctl forget). Then run this on two hosts that the others count (listed in the members file, or
known for a day): the others believe what two tell, and follow by themselves. A new epoch that one host alone tells of
is not believed, so that no single member can begin one. In a fleet of two run it on both; in one that is younger than
a day and has no members file, on every host.

No pod is restarted, and the budget holds. Until a second host is in the new epoch, this one counts as one unit of the
budget for the others, and waits. Hosts with an agent that knows no epochs wait until they are upgraded.

The agent records an event. DAEMONSET is NAME, NAMESPACE/NAME or ds/NAME.`,
			online("the generations are not spoilt, there is no such DaemonSet, or it failed")),
		Example: example("dsctl rollout reset kube-system/web"),
		Args:    daemonSetArgs,
		RunE: d.verb(func(ctx context.Context, args []string) error {
			return d.runRolloutReset(ctx, namespace, force, args)
		}),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	d.addNamespaceFlag(cmd, &namespace)
	cmd.Flags().BoolVar(&force, "force", false, "begin a new epoch even if nothing shows that the generations are spoilt")
	return cmd
}

func (d *deps) runRolloutReset(ctx context.Context, namespace string, force bool, args []string) error {
	name, err := oneDaemonSet(namespace, args)
	if err != nil {
		return err
	}
	c := d.client()
	defer c.Close()
	res, err := c.Reset(ctx, api.RolloutActRequest{DaemonSet: name, Force: force})
	if err != nil {
		return err
	}
	return d.print(view{object: res, names: []string{kubectlName(res.DaemonSet)}, text: func(p page) error {
		p.printf("%s on node %s reset: generation %d of epoch %d\n", kubectlName(res.DaemonSet), cellText(res.Node),
			res.Generation, res.Epoch)
		switch {
		case res.Members == 0:
		case res.Others == 0:
			p.printf("  next: run it on another host, too; the others follow when two that they count are in this epoch\n")
		default:
			p.printf("  %d of %s in this epoch, too\n", res.Others, count(res.Members, "other host"))
		}
		p.next("dsctl rollout status %s --watch=false", res.DaemonSet)
		return nil
	}})
}
