package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func newCordonCommand(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:   "cordon",
		Short: "Mark this node unschedulable",
		Long: long(`Mark this node unschedulable. As in a cluster, DaemonSets tolerate that: their pods stay and new ones start.
To keep them away, use a taint.`, online("a file of the node says otherwise, or it failed")),
		Example: example("dsctl cordon", "dsctl taint maintenance:NoExecute"),
		Args:    noArgs,
		RunE: d.verb(func(ctx context.Context, _ []string) error {
			return d.patchNode(ctx, api.NodePatch{Unschedulable: new(true)})
		}),
	}
}

func newUncordonCommand(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:   "uncordon",
		Short: "Mark this node schedulable",
		Long:  long(`Mark this node schedulable again.`, online("a file of the node says otherwise, or it failed")),
		Args:  noArgs,
		RunE: d.verb(func(ctx context.Context, _ []string) error {
			return d.patchNode(ctx, api.NodePatch{Unschedulable: new(false)})
		}),
	}
}
