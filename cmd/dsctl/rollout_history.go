package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

type historyOptions struct {
	namespace string
	revision  revisionFlag
}

func newRolloutHistoryCommand(d *deps) *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "history DAEMONSET",
		Short: "List the revisions of a DaemonSet's template",
		Long: long(`List the revisions of a DaemonSet's pod template that this host keeps, as many as its revisionHistoryLimit says, and
why each was made: the annotation kubernetes.io/change-cause that the spec file had. Going back to an old template gives
it a new number. Numbers are the same on all hosts that followed the fleet. After dsctl rollout reset they begin anew:
1/3 is the number 3 of epoch 1. With -o wide there is more of each, and --revision shows the template of one.

DAEMONSET is NAME, NAMESPACE/NAME or ds/NAME.`,
			online("there is no such DaemonSet or revision, or it failed")),
		Example: example("dsctl rollout history kube-system/web", "dsctl rollout history ds/web --revision 4"),
		Args:    daemonSetArgs,
		RunE:    d.verb(func(ctx context.Context, args []string) error { return d.runRolloutHistory(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	d.addNamespaceFlag(cmd, &o.namespace)
	cmd.Flags().Var(&o.revision, "revision", "show the template of the revision with this number")
	_ = cmd.RegisterFlagCompletionFunc("revision", d.completeRevisions(&o.namespace))
	return cmd
}

func (d *deps) runRolloutHistory(ctx context.Context, o historyOptions, args []string) error {
	name, err := oneDaemonSet(o.namespace, args)
	if err != nil {
		return err
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.Revisions(ctx, api.RevisionRequest{
		DaemonSet: name, Revision: o.revision.number, Epoch: o.revision.epoch,
	})
	if err != nil {
		return err
	}
	for _, w := range list.Warnings {
		d.warnf("%s", w)
	}
	if o.revision.number > 0 {
		return d.print(revisionView(list))
	}
	return d.print(historyView(list))
}

func historyView(list *api.RevisionList) view {
	v := view{object: list, rows: rowsOf(list.Items), text: func(p page) error { return printHistory(p, list) }}
	for _, r := range list.Items {
		v.names = append(v.names, r.Revision)
	}
	return v
}

func printHistory(p page, list *api.RevisionList) error {
	p.printf("%s \n", kubectlName(list.DaemonSet))
	if len(list.Items) == 0 {
		p.printf("No rollout history found.\n")
		return nil
	}
	t := newTable("REVISION", "CHANGE-CAUSE")
	if p.wide {
		t = newTable("REVISION", "NAME", "STATE", "FIRST", "LAST", "SOURCE", "CHANGE-CAUSE")
	}
	for _, r := range list.Items {
		number := revisionText(r)
		if !p.wide {
			t.add(number, r.ChangeCause)
			continue
		}
		t.add(number, r.Revision, revisionState(r), p.when(r.First), p.when(r.Last), r.Source, r.ChangeCause)
	}
	return t.write(p, p.width)
}

// revisionText is the number of a revision, with its epoch where dsctl rollout reset began one.
func revisionText(r api.Revision) string { return api.RevisionText(r.Epoch, r.Number) }

// revisionFlag is a flag for the number of a revision as history shows it; 0: none is given.
type revisionFlag struct{ epoch, number uint64 }

// String implements pflag.Value.
func (f *revisionFlag) String() string { return api.RevisionText(f.epoch, f.number) }

// Set implements pflag.Value.
func (f *revisionFlag) Set(text string) (err error) {
	f.epoch, f.number, err = api.ParseRevision(text)
	return err
}

// Type implements pflag.Value: what the help calls it.
func (f *revisionFlag) Type() string { return "uint" }

// revisionState says what the revision is to this host.
func revisionState(r api.Revision) string {
	var words []string
	if r.Current {
		words = append(words, "current")
	}
	if r.Running {
		words = append(words, "running")
	}
	return strings.Join(words, ",")
}

// revisionView shows the one revision that was asked for.
func revisionView(list *api.RevisionList) view {
	v := historyView(list)
	v.text = func(p page) error {
		for _, r := range list.Items {
			text, err := templateYAML(r)
			if err != nil {
				return err
			}
			p.printf("%s with revision #%s\nPod Template:\n", kubectlName(list.DaemonSet), revisionText(r))
			for line := range strings.Lines(text) {
				p.printf("  %s", line)
			}
		}
		return nil
	}
	if len(list.Items) == 1 {
		v.object = list.Items[0]
	}
	return v
}

// templateYAML is a revision's template for people.
func templateYAML(r api.Revision) (string, error) {
	if len(r.Template) == 0 {
		return "", fmt.Errorf("the agent did not tell the template of revision %s", revisionText(r))
	}
	text, err := yaml.JSONToYAML(r.Template)
	if err != nil {
		return "", fmt.Errorf("the template of revision %s cannot be read: %w", revisionText(r), err)
	}
	return string(text), nil
}
