package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

type rolloutDiffOptions struct {
	namespace string
	from, to  revisionFlag
}

// revisionDiff is what json and yaml show of two revisions.
type revisionDiff struct {
	DaemonSet string       `json:"daemonset"`
	From      api.Revision `json:"from"`
	To        api.Revision `json:"to"`
	Differ    bool         `json:"differ"`
}

func newRolloutDiffCommand(d *deps) *cobra.Command {
	var o rolloutDiffOptions
	cmd := &cobra.Command{
		Use:   "diff DAEMONSET [--from N] [--to M]",
		Short: "Show what changed between two revisions",
		Long: long(`Show as a unified diff what changed in a DaemonSet's pod template from one revision to another. Without --to it is the
latest, and without --from the one before --to. dsctl rollout history has the numbers.

DAEMONSET is NAME, NAMESPACE/NAME or ds/NAME.`,
			comparing("there are differences", "there is no such DaemonSet or revision, or it failed")),
		Example: example("dsctl rollout diff kube-system/web", "dsctl rollout diff ds/web --from 3 --to 5"),
		Args:    daemonSetArgs,
		RunE:    d.compares(func(ctx context.Context, args []string) error { return d.runRolloutDiff(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	d.addNamespaceFlag(cmd, &o.namespace)
	cmd.Flags().Var(&o.from, "from", "number of the older revision")
	cmd.Flags().Var(&o.to, "to", "number of the newer revision")
	for _, flag := range []string{"from", "to"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, d.completeRevisions(&o.namespace))
	}
	return cmd
}

func (d *deps) runRolloutDiff(ctx context.Context, o rolloutDiffOptions, args []string) error {
	name, err := oneDaemonSet(o.namespace, args)
	if err != nil {
		return err
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	result, err := twoRevisions(ctx, c, name, o)
	if err != nil {
		return err
	}
	before, err := templateYAML(result.From)
	if err != nil {
		return err
	}
	after, err := templateYAML(result.To)
	if err != nil {
		return err
	}
	result.Differ = before != after
	label := func(r api.Revision) string { return fmt.Sprintf("%s revision %s", result.DaemonSet, revisionText(r)) }
	if err := d.print(view{object: result, names: []string{kubectlName(result.DaemonSet)}, text: func(p page) error {
		p.printDiff(textOf{label(result.From), before}, textOf{label(result.To), after})
		return nil
	}}); err != nil {
		return err
	}
	if result.Differ {
		return errDiffers()
	}
	d.notef("no differences")
	return nil
}

// twoRevisions finds the revisions that are meant, with their templates.
func twoRevisions(ctx context.Context, c *client.Client, name string, o rolloutDiffOptions) (*revisionDiff, error) {
	list, err := c.Revisions(ctx, api.RevisionRequest{DaemonSet: name})
	if err != nil {
		return nil, err
	}
	out := &revisionDiff{DaemonSet: list.DaemonSet}
	from, to := chosen(list.Items, o)
	if from.number == 0 || to.number == 0 {
		return nil, &exitError{
			code: exitFailed,
			err:  fmt.Errorf("the history of %s has no revision before %s to compare with", list.DaemonSet, &to),
			hint: "dsctl rollout history lists them; --from and --to choose",
		}
	}
	if out.From, err = oneRevision(ctx, c, list.DaemonSet, from); err != nil {
		return nil, err
	}
	out.To, err = oneRevision(ctx, c, list.DaemonSet, to)
	return out, err
}

// chosen are the numbers that were given, or the latest and the one before; 0 where there is none.
func chosen(items []api.Revision, o rolloutDiffOptions) (from, to revisionFlag) {
	from, to = o.from, o.to
	if to.number == 0 && len(items) > 0 {
		latest := items[len(items)-1]
		to = revisionFlag{latest.Epoch, latest.Number}
	}
	if from.number != 0 {
		return from, to
	}
	for _, r := range items {
		if r.Epoch < to.epoch || r.Epoch == to.epoch && r.Number < to.number {
			from = revisionFlag{r.Epoch, r.Number}
		}
	}
	return from, to
}

func oneRevision(ctx context.Context, c *client.Client, name string, number revisionFlag) (api.Revision, error) {
	list, err := c.Revisions(ctx, api.RevisionRequest{DaemonSet: name, Revision: number.number, Epoch: number.epoch})
	if err != nil {
		return api.Revision{}, err
	}
	if len(list.Items) != 1 {
		return api.Revision{}, fmt.Errorf("the agent told of %s with the number %s", count(len(list.Items), "revision"),
			&number)
	}
	return list.Items[0], nil
}
