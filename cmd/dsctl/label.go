package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/node"
)

type labelOptions struct {
	overwrite bool
	list      bool
}

func newLabelCommand(d *deps) *cobra.Command {
	var o labelOptions
	cmd := &cobra.Command{
		Use:   "label KEY=VALUE... KEY-...",
		Short: "Set or remove labels of this node",
		Long: long(`Set labels of this node with KEY=VALUE and remove them with KEY-. They are kept by the agent, apart from those
of node.yaml and node.d. If a file sets the same label, the file wins: the change is kept and has no effect until
the file no longer sets the label.`,
			online("a label has another value already, a file wins, or it failed")),
		Example: example("dsctl label disktype=ssd zone-", "dsctl label disktype=hdd --overwrite", "dsctl label --list"),
		RunE:    d.verb(func(ctx context.Context, args []string) error { return d.runLabel(ctx, o, args) }),
		ValidArgsFunction: d.completeNode(func(n api.NodeStatus) []string {
			var out []string
			for _, l := range n.Labels {
				out = append(out, l.Key+"=")
				if l.Source == api.SourceRuntime {
					out = append(out, l.Key+"-")
				}
			}
			return out
		}),
	}
	cmd.Flags().BoolVar(&o.overwrite, "overwrite", false, "change labels that have another value")
	cmd.Flags().BoolVar(&o.list, "list", false, "show the labels and where they come from; changes nothing")
	return cmd
}

func (d *deps) runLabel(ctx context.Context, o labelOptions, args []string) error {
	if o.list {
		if len(args) > 0 || o.overwrite {
			return usagef("--list takes no labels and no --overwrite")
		}
		return d.listLabels(ctx)
	}
	p, err := node.ParseLabelArgs(args)
	if err != nil {
		return usagef("%w", err)
	}
	return d.patchNode(ctx, api.NodePatch{SetLabels: p.Labels, RemoveLabels: p.RemoveLabels, Overwrite: o.overwrite})
}

func (d *deps) listLabels(ctx context.Context) error {
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	labels := slices.SortedFunc(slices.Values(st.Node.Labels), func(a, b api.NodeLabel) int {
		return strings.Compare(a.Key, b.Key)
	})
	v := view{object: labels, rows: rowsOf(labels), text: func(p page) error {
		t := newTable("LABEL", "VALUE", "SOURCE", "FILE")
		for _, l := range labels {
			t.add(l.Key, l.Value, l.Source, l.File)
		}
		return t.write(p, p.width)
	}}
	for _, l := range labels {
		v.names = append(v.names, l.Key)
	}
	return d.print(v)
}

// patchNode sends a patch and prints what became of it.
func (d *deps) patchNode(ctx context.Context, patch api.NodePatch) error {
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	res, err := c.PatchNode(ctx, patch)
	if err != nil {
		return err
	}
	lost := shadowed(patch, res)
	err = d.print(view{
		object: res,
		names:  []string{"node/" + res.Node},
		text:   func(p page) error { return printPatch(p, res, len(lost) > 0) },
	})
	if err != nil {
		return err
	}
	if len(lost) > 0 {
		return &exitError{
			code: exitFailed, err: errors.New(strings.Join(lost, "; ")),
			hint: "a file wins over what dsctl sets: change it there",
		}
	}
	for _, w := range res.Warnings {
		d.warnf("%s", w)
	}
	if len(res.Changed) > 0 {
		d.next("dsctl explain")
	}
	return nil
}

// printPatch is one line, in kubectl's words: "node/edge-1 labeled: disktype=ssd". Where a file wins over a part of it,
// nothing is said to be done: the labels and taints in effect are another matter than what the agent keeps.
func printPatch(p page, res *api.NodePatchResult, lost bool) error {
	changed := strings.Join(res.Changed, "; ")
	switch {
	case lost && changed != "":
		p.printf("node/%s kept, not all of it in effect: %s\n", res.Node, changed)
	case res.Operation != "":
		p.printf("node/%s %s\n", res.Node, sentence(res.Operation, changed))
	case changed != "":
		p.printf("node/%s %s\n", res.Node, changed)
	default:
		p.printf("node/%s unchanged\n", res.Node)
	}
	return nil
}
