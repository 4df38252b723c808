package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

type undoOptions struct {
	namespace string
	to        revisionFlag
	write     bool
}

func newRolloutUndoCommand(d *deps) *cobra.Command {
	var o undoOptions
	cmd := &cobra.Command{
		Use:   "undo DAEMONSET [--to N] [--write]",
		Short: "Make the spec file that goes back to an earlier revision",
		Long: long(`Print the DaemonSet with the pod template of an earlier revision, without --to that of the one before, as the file
to lay out on every host; everything beside the template is as it is now. Comments are not in it: the agent does not
keep them. Nothing is changed.

With --write, the DaemonSet's document in the spec file of this host, and of no other, is replaced by it. The other
documents of the file stay as they are to the byte, and so do comments that stand before the DaemonSet; those within it
are lost. It is refused where that cannot be done exactly.

DAEMONSET is NAME, NAMESPACE/NAME or ds/NAME.`,
			online("there is no such DaemonSet or revision, the file cannot be replaced, or it failed")),
		Example: example("dsctl rollout undo kube-system/web > web.yaml", "dsctl rollout undo ds/web --to 4 --write"),
		Args:    daemonSetArgs,
		RunE:    d.verb(func(ctx context.Context, args []string) error { return d.runRolloutUndo(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	d.addNamespaceFlag(cmd, &o.namespace)
	cmd.Flags().Var(&o.to, "to", "number of the revision; 0 means the one before the latest")
	cmd.Flags().Var(&o.to, "to-revision", "the same, as kubectl calls it")
	cmd.Flags().BoolVar(&o.write, "write", false, "replace the DaemonSet in this host's spec file")
	for _, flag := range []string{"to", "to-revision"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, d.completeRevisions(&o.namespace))
	}
	cmd.MarkFlagsMutuallyExclusive("to", "to-revision")
	return cmd
}

func (d *deps) runRolloutUndo(ctx context.Context, o undoOptions, args []string) error {
	name, err := oneDaemonSet(o.namespace, args)
	if err != nil {
		return err
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	res, err := c.Undo(ctx, api.UndoRequest{DaemonSet: name, To: o.to.number, Epoch: o.to.epoch})
	if err != nil {
		return err
	}
	if o.write && !res.Same {
		if err := writeUndo(res); err != nil {
			return &exitError{
				code: exitFailed, err: err,
				hint: "without --write the file is printed: bring it into " + res.Source + " yourself",
			}
		}
		// So that who asks next, as dsctl rollout status does, is not answered from the file before.
		if _, err := c.Reload(ctx); err != nil {
			d.warnf("%s is written, and the agent has yet to read it: %v", res.Source, err)
		}
	}
	return d.print(undoView(res, o.write))
}

func undoView(res *api.UndoResult, written bool) view {
	v := view{object: res, names: []string{kubectlName(res.DaemonSet)}}
	v.text = func(p page) error {
		switch {
		case res.Same:
			p.printf("%s skipped rollback (current template already matches revision %s)\n", kubectlName(res.DaemonSet),
				revisionText(res.To))
		case written:
			p.printf("%s rolled back\n", kubectlName(res.DaemonSet))
			p.notef("%s has the template of revision %s now, on this host alone", res.Source, revisionText(res.To))
			p.next("lay the file out on the other hosts, then: dsctl rollout status %s", res.DaemonSet)
		default:
			p.printf("%s", res.Document)
			p.notef("this is %s with the template of revision %s, for %s on every host; comments are not in it", res.DaemonSet,
				revisionText(res.To), res.Source)
		}
		return nil
	}
	return v
}
