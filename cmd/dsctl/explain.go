package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/manifests/assemble"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

type explainOptions struct {
	files []string
	node  nodeOptions
}

func newExplainCommand(d *deps) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain [DAEMONSET] [--node NODE] | explain -f FILE|DIR [--node NODE | --node-file FILE]",
		Short: "Say why a DaemonSet is or is not on a node",
		Long: long(`Say for each DaemonSet whether it belongs on the node and whether a running pod of it may stay: every
predicate with what it looked at, passed or not, and what would change the answer.

DAEMONSET is namespace/name, or a name alone: that of the namespace default, or of the only DaemonSet of that name.
Without it, all are explained. With --node, the DaemonSets of this host are held against what another host told of its
node last, and the answer says how long ago that was.

With -f, the DaemonSets of the files are held against the nodes of --node-file, the node of --node, or this host's node
when there is neither. A node of --node-file has the labels that the agent adds by itself (kubernetes.io/os, arch and
hostname, those of this machine) unless the file sets them, or comes from an API server.

A DaemonSet that belongs on a node and lacks a ConfigMap, a Secret or a key is Blocked there.`,
			online("a file has an error, or there is no such DaemonSet or node")),
		Example: example("dsctl explain kube-system/web", "dsctl explain kube-system/web --node edge-7",
			"dsctl explain -f specs.d --node-file nodes.yaml -o json"),
		Args: atMostOne("one DAEMONSET"),
		RunE: d.verb(func(ctx context.Context, args []string) error { return d.runExplain(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	addFileFlags(cmd, &o.files)
	// Without files the agent is asked.
	cmd.Flags().Lookup("filename").Annotations = nil
	addNodeFlags(cmd, &o.node)
	cmd.Flags().StringVar(&o.node.member, "node", "", "a node of the fleet, by its name; empty means this host's")
	_ = cmd.RegisterFlagCompletionFunc("node", d.completeNodeNames)
	return cmd
}

func (d *deps) runExplain(ctx context.Context, o explainOptions, args []string) error {
	switch {
	case len(o.files) > 0 && len(args) > 0:
		return usagef("give a DaemonSet of the agent or files with -f, not both")
	case len(o.files) > 0:
		return d.explainFiles(ctx, o)
	case o.node != (nodeOptions{member: o.node.member}):
		return usagef("--node-file and --node-name go with -f")
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.Explain(ctx, api.ExplainRequest{DaemonSet: name, Node: o.node.member})
	if err != nil {
		return err
	}
	return d.print(explanationView(list.Items))
}

func (d *deps) explainFiles(ctx context.Context, o explainOptions) error {
	nodes, err := d.nodes(ctx, o.node)
	if err != nil {
		return err
	}
	files, err := d.loadSpecs(o.files)
	if err != nil {
		return err
	}
	if err := d.complain(files); err != nil {
		return err
	}
	sets, nBad := files.daemonSets()
	all := decisions(sets, nodes, files.objects)
	if d.output == formatJSON {
		err = streamJSON(d.out, all)
	} else {
		v := explanationView(slices.Collect(all))
		v.object, v.rows = machineForm(all)
		err = d.print(v)
	}
	return errors.Join(err, badFiles(nBad))
}

// decisions holds every DaemonSet against every node.
func decisions(sets []*spec.DaemonSet, nodes []*corev1.Node, objects spec.Objects) iter.Seq[api.Explanation] {
	base := assemble.New(assemble.Config{Objects: objects})
	return func(yield func(api.Explanation) bool) {
		for _, set := range sets {
			compiled, refers := placement.Compile(set.Object), true
			for _, node := range nodes {
				e := explanation(set, node, compiled.Decide(node))
				// What refers to nothing for one node does so for all.
				if refers {
					refers = addMissing(&e, base.For(assemble.NodeOf(node)), set)
				}
				if !yield(e) {
					return
				}
			}
		}
	}
}

// addMissing says so where the DaemonSet belongs on the node and no pod can be made, and gives whether it refers to
// anything.
func addMissing(e *api.Explanation, a *assemble.Assembler, set *spec.DaemonSet) bool {
	missing, refers := a.Missing(set)
	if len(missing) > 0 && e.ShouldRun {
		e.Phase, e.Message = api.PhaseBlocked, missing[0].String()
	}
	return refers
}

func explanation(set *spec.DaemonSet, node *corev1.Node, dec placement.Decision) api.Explanation {
	e := api.Explanation{
		DaemonSet: set.Key(), Node: node.Name,
		ShouldRun: dec.ShouldRun, ShouldContinueRunning: dec.ShouldContinueRunning,
	}
	for _, r := range dec.Reasons {
		e.Reasons = append(e.Reasons, api.Reason(r))
	}
	return e
}

// streamJSON prints a list element by element: thousands of DaemonSets and nodes give millions of decisions.
func streamJSON(to io.Writer, items iter.Seq[api.Explanation]) error {
	const indent = "    "
	w := bufio.NewWriter(to)
	before, after := "[\n"+indent, "[]\n"
	for item := range items {
		data, err := json.MarshalIndent(withoutRemedies(item), indent, indent)
		if err != nil {
			return fmt.Errorf("encoding the result: %w", err)
		}
		if _, err := fmt.Fprintf(w, "%s%s", before, data); err != nil {
			return err
		}
		before, after = ",\n"+indent, "\n]\n"
	}
	_, err := io.WriteString(w, after)
	return errors.Join(err, w.Flush())
}

// machineForm is the decisions as programs get them without an agent: exactly what the controller would say, and why.
func machineForm(all iter.Seq[api.Explanation]) (any, []any) {
	items := []api.Explanation{}
	for item := range all {
		items = append(items, withoutRemedies(item))
	}
	return items, rowsOf(items)
}

func withoutRemedies(e api.Explanation) api.Explanation {
	reasons := make([]api.Reason, len(e.Reasons))
	for i, r := range e.Reasons {
		r.Remedy = ""
		reasons[i] = r
	}
	e.Reasons = reasons
	return e
}
