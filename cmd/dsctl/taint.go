package main

import (
	"context"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/node"
)

type taintOptions struct {
	overwrite bool
}

func newTaintCommand(d *deps) *cobra.Command {
	var o taintOptions
	cmd := &cobra.Command{
		Use:   "taint KEY[=VALUE]:EFFECT... KEY[:EFFECT]-...",
		Short: "Set or remove taints of this node",
		Long: long(`Set taints of this node with KEY=VALUE:EFFECT or KEY:EFFECT, and remove them with KEY:EFFECT- or, for every
effect, KEY-. EFFECT is NoSchedule (no new pods), NoExecute (running pods go too) or PreferNoSchedule (which DaemonSets
do not heed). Taints are kept by the agent, apart from those of node.yaml and node.d. If a file sets the same taint,
the file wins: the change is kept and has no effect until the file no longer sets the taint.`,
			online("a taint has another value already, a file wins, or it failed")),
		Example: example("dsctl taint maintenance:NoExecute", "dsctl taint maintenance-",
			"dsctl taint tier=gold:NoSchedule --overwrite"),
		Args: atLeastOne("a taint: KEY[=VALUE]:EFFECT, or KEY[:EFFECT]- to remove it"),
		RunE: d.verb(func(ctx context.Context, args []string) error { return d.runTaint(ctx, o, args) }),
		ValidArgsFunction: d.completeNode(func(n api.NodeStatus) []string {
			var out []string
			for _, t := range n.Taints {
				if t.Source == api.SourceRuntime {
					out = append(out, t.Key+":"+t.Effect+"-")
				}
			}
			return out
		}),
	}
	cmd.Flags().BoolVar(&o.overwrite, "overwrite", false, "change taints that have another value")
	return cmd
}

func (d *deps) runTaint(ctx context.Context, o taintOptions, args []string) error {
	p, err := node.ParseTaintArgs(args)
	if err != nil {
		return usagef("%w", err)
	}
	patch := api.NodePatch{Overwrite: o.overwrite}
	for _, t := range p.Taints {
		patch.SetTaints = append(patch.SetTaints, api.Taint{Key: t.Key, Value: t.Value, Effect: string(t.Effect)})
	}
	for _, t := range p.RemoveTaints {
		patch.RemoveTaints = append(patch.RemoveTaints, api.TaintRef{Key: t.Key, Effect: string(t.Effect)})
	}
	return d.patchNode(ctx, patch)
}

// taintText is a taint as it is written on a command line.
func taintText(key, value, effect string) string {
	t := corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)}
	return t.ToString()
}
