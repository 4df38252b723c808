package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/nodecolumns"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

type nodesOptions struct {
	watch, labels bool
	selector      string
}

func newGetNodesCommand(d *deps) *cobra.Command {
	var o nodesOptions
	cmd := &cobra.Command{
		Use:     "nodes [NAME...]",
		Aliases: []string{"node", "no"},
		Short:   "List the nodes of the fleet",
		Long: long(`List every node that this host knows of, itself among them, in kubectl's columns. What is shown of another node
is what it told last; one that does not answer is NotReady. dsctl members says when each was last heard, and dsctl
describe node how old what is known of it is. While gossip is off, this host's own node is the only one.`,
			online("a node does not exist, or it failed")),
		Example: example("dsctl get nodes", "dsctl get nodes -l disktype=ssd -o wide", "dsctl get nodes edge-1 edge-2 -w",
			`dsctl get nodes -o 'custom-columns=NAME:.metadata.name,ZONE:.metadata.labels.zone'`),
		RunE: d.verb(func(ctx context.Context, args []string) error { return d.runGetNodes(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completeNodeNames
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on showing nodes as they change")
	cmd.Flags().StringVarP(&o.selector, "selector", "l", "", "only nodes with these labels, such as disktype=ssd,zone!=b")
	cmd.Flags().BoolVar(&o.labels, "show-labels", false, "show the labels in the last column")
	return cmd
}

func (d *deps) runGetNodes(ctx context.Context, o nodesOptions, names []string) error {
	l := d.nodesNamed(nil, names)
	l.labels, l.selection.LabelSelector = o.labels, o.selector
	return l.show(ctx, o.watch)
}

// nodesNamed lists the nodes with these names; all, if there are none.
func (d *deps) nodesNamed(c *client.Client, names []string) *lister[corev1.Node, *corev1.Node] {
	l := &lister[corev1.Node, *corev1.Node]{d: d, client: c, names: names, kind: kind[corev1.Node]{
		resource: registry.Nodes,
		ask: func(ctx context.Context, c *client.Client, sel client.Selection) (answer[corev1.Node], error) {
			list, err := c.Nodes(ctx, sel)
			if err != nil {
				return answer[corev1.Node]{}, err
			}
			return answer[corev1.Node]{list, &list.Items, list.ResourceVersion}, nil
		},
		columns: func(_, wide bool) listing[corev1.Node] { return nodeListing(wide) },
		absent:  func(_, names string) string { return "this host knows no node " + names },
		hint:    "dsctl get nodes lists those that it knows; dsctl status says whether it is part of a fleet",
	}}
	if len(names) == 1 {
		l.selection.FieldSelector = "metadata.name=" + fieldValue(names[0])
	}
	return l
}

// fieldValue is a value of a field selector with what means something there escaped, as k8s.io/apimachinery/pkg/fields
// has it.
func fieldValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `=`, `\=`).Replace(s)
}

// nodeListing has kubectl's columns. A node that a watch no longer has is Deleted, where kubectl would show it as it
// last was.
func nodeListing(wide bool) listing[corev1.Node] {
	return listing[corev1.Node]{
		header: nodecolumns.Columns(wide),
		cells: func(n *corev1.Node, change watch.EventType) []string {
			cells := nodecolumns.Cells(n, time.Now(), wide)
			if change == watch.Deleted {
				cells[1] = "Deleted"
			}
			return cells
		},
		name: func(n *corev1.Node) string { return "node/" + n.Name },
		none: "there are no such nodes",
	}
}

// completeNodeNames completes names of nodes.
func (d *deps) completeNodeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, ctx, cancel := d.quick(cmd.Context())
	defer cancel()
	defer c.Close()
	list, err := c.Nodes(ctx, client.Selection{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for i := range list.Items {
		if name := list.Items[i].Name; !slices.Contains(args, name) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
