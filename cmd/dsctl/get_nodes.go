package main

import (
	"context"
	"errors"
	"fmt"
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
	if o.selector != "" && len(names) > 0 {
		return usagef("a name cannot be given together with a selector")
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	n := &nodeLister{
		d: d, client: c, names: names, labels: o.labels, selection: client.Selection{LabelSelector: o.selector},
	}
	list, missing, err := n.list(ctx)
	if err != nil {
		return err
	}
	if o.watch && missing == nil {
		return n.watch(ctx, list)
	}
	if len(list.Items) == 0 && missing != nil {
		return missing
	}
	return errors.Join(d.print(n.view(list)), missing)
}

// nodeLister lists and watches the nodes that were asked for.
type nodeLister struct {
	d         *deps
	client    *client.Client
	names     []string
	labels    bool
	selection client.Selection
}

// list gives the nodes, and an error that names those that do not exist.
func (n *nodeLister) list(ctx context.Context) (list *corev1.NodeList, missing, err error) {
	if len(n.names) == 1 {
		n.selection.FieldSelector = "metadata.name=" + fieldValue(n.names[0])
	}
	list, err = n.client.Nodes(ctx, n.selection)
	if err != nil {
		return nil, nil, err
	}
	if err := sortItems(n.d.sortBy, list.Items); err != nil {
		return nil, nil, err
	}
	if len(n.names) == 0 {
		return list, nil, nil
	}
	list.Items = slices.DeleteFunc(list.Items, func(node corev1.Node) bool { return !n.wants(node.Name) })
	return list, missingNodes(n.names, list.Items), nil
}

func (n *nodeLister) wants(name string) bool {
	return len(n.names) == 0 || slices.Contains(n.names, name)
}

func missingNodes(names []string, found []corev1.Node) error {
	var missing []string
	for _, name := range names {
		if !slices.ContainsFunc(found, func(node corev1.Node) bool { return node.Name == name }) {
			missing = append(missing, fmt.Sprintf("%q", name))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &exitError{
		code: exitFailed, err: fmt.Errorf("this host knows no node %s", strings.Join(missing, ", ")),
		hint: "dsctl get nodes lists those that it knows; dsctl status says whether it is part of a fleet",
	}
}

// fieldValue is a value of a field selector with what means something there escaped, as k8s.io/apimachinery/pkg/fields
// has it.
func fieldValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `=`, `\=`).Replace(s)
}

// view is the list, or the node itself where one was asked for by name, as with kubectl.
func (n *nodeLister) view(list *corev1.NodeList) view {
	v := n.listing().view(list, list.Items)
	if len(n.names) == 1 && len(list.Items) == 1 {
		v.object = &list.Items[0]
	}
	return v
}

// watch prints the nodes and then what changes.
func (n *nodeLister) watch(ctx context.Context, list *corev1.NodeList) error {
	out, err := newLive(n.d, n.listing())
	if err != nil {
		return err
	}
	w := watchObjects(n.client, registry.Nodes, n.selection, out)
	w.wants = func(node *corev1.Node) bool { return n.wants(node.Name) }
	w.list = func(ctx context.Context) (itemList[corev1.Node], error) {
		list, _, err := n.list(ctx)
		if err != nil {
			return itemList[corev1.Node]{}, err
		}
		return itemList[corev1.Node]{list.Items, list.ResourceVersion}, nil
	}
	return w.run(ctx, itemList[corev1.Node]{list.Items, list.ResourceVersion})
}

func (n *nodeLister) listing() listing[corev1.Node] {
	l := nodeListing(n.d.output == formatWide)
	if n.labels {
		l = l.withLabels(func(node *corev1.Node) map[string]string { return node.Labels })
	}
	return l
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
