package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func newRolloutReplaceCommand(d *deps) *cobra.Command {
	namespace := ""
	cmd := &cobra.Command{
		Use:   "replace DAEMONSET",
		Short: "Replace this host's pod of a DaemonSet with the strategy OnDelete",
		Long: long(`Replace the pod of a DaemonSet on this host, and on no other, by one of the revision that its spec file has. It is for
the update strategy OnDelete, as deleting the pod is under a control plane; with RollingUpdate pods are replaced by
themselves when it is their turn.

DAEMONSET is NAME, NAMESPACE/NAME or ds/NAME.`,
			online("there is nothing to replace, the strategy is another one, or it failed")),
		Example: example("dsctl rollout replace kube-system/web"),
		Args:    daemonSetArgs,
		RunE:    d.verb(func(ctx context.Context, args []string) error { return d.runRolloutReplace(ctx, namespace, args) }),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	d.addNamespaceFlag(cmd, &namespace)
	return cmd
}

func (d *deps) runRolloutReplace(ctx context.Context, namespace string, args []string) error {
	name, err := oneDaemonSet(namespace, args)
	if err != nil {
		return err
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	res, err := c.Replace(ctx, api.ReplaceRequest{DaemonSet: name})
	if err != nil {
		return err
	}
	return d.print(view{object: res, names: []string{kubectlName(res.DaemonSet)}, text: func(p page) error {
		verb := "is being replaced"
		if !res.Started {
			verb = "is to be replaced"
		}
		p.printf("%s on node %s: revision %s %s by %s\n", kubectlName(res.DaemonSet), cellText(res.Node), res.From, verb,
			res.To)
		if !res.Started {
			p.printf("  waits: %s\n", cellText(res.Message))
		}
		p.next("dsctl rollout status %s --watch=false", res.DaemonSet)
		return nil
	}})
}
