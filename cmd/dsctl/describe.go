package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

func newDescribeCommand(d *deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "describe RESOURCE NAME",
		Short: "Show everything that is known of a DaemonSet, a node or a pod",
		Long: long(`Show everything that is known of one thing, for people to read.

dsctl describe ds    shows a DaemonSet of this host, where its rollout stands, and what happened.
dsctl describe node  shows a node of the fleet, and how old what is known of it is.
dsctl describe pod   shows a pod of this host with its containers, and what happened.`,
			online("it failed")),
		Example: example("dsctl describe node edge-7", "dsctl describe ds kube-system/web"),
	}
	cmd.AddCommand(newDescribeDaemonSetCommand(d), newDescribeNodeCommand(d), newDescribePodCommand(d))
	cmd.RunE = d.verb(func(_ context.Context, args []string) error { return unknownResource(cmd, args) })
	return cmd
}

func newDescribeNodeCommand(d *deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "node NAME...",
		Aliases: []string{"nodes", "no"},
		Short:   "Show what is known of a node, and since when",
		Long: long(`Show a node of the fleet as kubectl describe does: labels, annotations, taints, conditions, addresses, versions. What
is shown of another host is what it told last; the part Gossip says when that was, when the host was last heard, and
whether it is trusted. Events are those of this host's agent.

This is for people to read; programs use dsctl get nodes NAME -o json and dsctl members NAME -o json.`,
			online("a node does not exist, or it failed")),
		Example: example("dsctl describe node edge-7"),
		Args:    atLeastOne("the NAME of a node"),
		RunE:    d.verb(d.runDescribeNode),
	}
	cmd.ValidArgsFunction = d.completeNodeNames
	return cmd
}

func (d *deps) runDescribeNode(ctx context.Context, names []string) error {
	if d.output != formatText && d.output != formatWide {
		return usagef("describe is for people to read; use dsctl get nodes %s -o %s", strings.Join(names, " "), d.output)
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, missing, err := d.nodesNamed(c, names).list(ctx)
	if err != nil {
		return err
	}
	p := page{Writer: d.out, streams: d.streams}
	for i := range *list.items {
		if i > 0 {
			p.printf("\n\n")
		}
		facts, err := learn(ctx, c, &(*list.items)[i])
		if err != nil {
			return err
		}
		if err := describeNode(p, facts); err != nil {
			return err
		}
	}
	return missing
}

// nodeFacts is what a description is made of.
type nodeFacts struct {
	node *corev1.Node
	// members are those of the node's name; off says why there are none.
	members []api.Member
	off     string
	events  []corev1.Event
}

// learn asks the agent for the rest of what it knows of a node.
func learn(ctx context.Context, c *client.Client, node *corev1.Node) (nodeFacts, error) {
	f := nodeFacts{node: node}
	list, err := c.Members(ctx, node.Name)
	apiErr, isAPI := errors.AsType[*api.Error](err)
	switch {
	case err == nil:
		f.members = list.Items
	case isAPI && apiErr.Code == api.CodeUnavailable:
		f.off = apiErr.Detail
	default:
		return f, err
	}
	events, err := c.Events(ctx, client.Selection{
		FieldSelector: "involvedObject.kind=Node,involvedObject.name=" + fieldValue(node.Name),
	})
	if err != nil {
		return f, err
	}
	f.events = sortEvents(events.Items)
	return f, nil
}
