package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// nodeOptions say which nodes a verb is about.
type nodeOptions struct {
	file    string
	name    string
	address string
	// member is a node of the fleet, which the agent is asked for.
	member string
}

// nodes reads the nodes of --node-file, or asks the agent for that of --node or its own.
func (d *deps) nodes(ctx context.Context, o nodeOptions) ([]*corev1.Node, error) {
	if o.member != "" && o.file != "" {
		return nil, usagef("--node names a node of the fleet and --node-file has nodes; give one of them")
	}
	nodes, err := d.findNodes(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.name != "" {
		if len(nodes) != 1 {
			return nil, usagef("--node-name names one node, and there are %d in %q", len(nodes), o.file)
		}
		nodes[0].Name = o.name
	}
	if o.address != "" {
		if err := setAddress(nodes, o); err != nil {
			return nil, err
		}
	}
	for i, n := range nodes {
		if n.Name == "" {
			return nil, &exitError{
				code: exitFailed, err: fmt.Errorf("node %d of %q has no metadata.name", i+1, o.file),
				hint: "set it in the file, or use --node-name",
			}
		}
		if o.file != "" {
			addAutomaticLabels(n)
		}
	}
	return nodes, nil
}

// addAutomaticLabels gives a node of an operator's file the labels that the agent adds to it by itself, where the file
// does not set them. A node with a UID comes from an API server, and has all the labels that it has.
func addAutomaticLabels(n *corev1.Node) {
	if n.UID != "" {
		return
	}
	labels := node.AutomaticLabels(n.Name)
	maps.Copy(labels, n.Labels)
	n.Labels = labels
}

func setAddress(nodes []*corev1.Node, o nodeOptions) error {
	if len(nodes) != 1 {
		return usagef("--node-address is for one node, and there are %d in %q", len(nodes), o.file)
	}
	if net.ParseIP(o.address) == nil {
		return usagef("--node-address %q is no IP address, such as 192.0.2.7", o.address)
	}
	nodes[0].Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: o.address}}
	return nil
}

func (d *deps) findNodes(ctx context.Context, o nodeOptions) ([]*corev1.Node, error) {
	if o.file != "" {
		return d.readNodes(o.file)
	}
	asked, err := d.askNode(ctx, o.member)
	if err != nil {
		return nil, err
	}
	return []*corev1.Node{asked}, nil
}

// askNode asks the agent for a node of the fleet; for its own where name is empty.
func (d *deps) askNode(ctx context.Context, name string) (*corev1.Node, error) {
	own := name == ""
	notAsked := func(err error) error {
		if !own {
			return err
		}
		return fmt.Errorf("no --node-file is given, so the agent was asked for its node: %w", err)
	}
	c, err := d.settled(ctx)
	if err != nil {
		return nil, notAsked(err)
	}
	defer c.Close()
	if own {
		st, err := c.Status(ctx)
		if err != nil {
			return nil, notAsked(err)
		}
		name = st.Node.Name
	}
	list, missing, err := d.nodesNamed(c, []string{name}).list(ctx)
	switch {
	case err != nil:
		return nil, err
	case missing != nil && own:
		return nil, fmt.Errorf("the agent knows no node yet; try again in a moment or use --node-file")
	case missing != nil:
		return nil, missing
	}
	return &(*list.items)[0], nil
}

// readNodes reads Node documents: the agent's node.yaml, or what "kubectl get node -o yaml" prints, one or many.
func (d *deps) readNodes(path string) ([]*corev1.Node, error) {
	files, err := d.readFiles([]string{path})
	if err != nil {
		return nil, err
	}
	if files, err = readable(files); err != nil {
		return nil, err
	}
	var nodes []*corev1.Node
	var problems diag.List
	for _, f := range files {
		found, bad := parseNodes(f.Path, f.Data)
		nodes, problems = append(nodes, found...), append(problems, bad...)
	}
	if problems.HasErrors() {
		if err := diag.Render(d.err, problems, diag.RenderOptions{}); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%q has %s", path, count(problems.Count(diag.Error), "error"))
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("there is no Node in %q", path)
	}
	return nodes, nil
}

func parseNodes(path string, data []byte) ([]*corev1.Node, diag.List) {
	docs, problems := strictyaml.Parse(path, data, strictyaml.DefaultLimits())
	var nodes []*corev1.Node
	for _, doc := range flatten(docs) {
		one, bad := parseNode(doc)
		problems = append(problems, bad...)
		if one != nil {
			nodes = append(nodes, one)
		}
	}
	problems.Sort()
	return nodes, problems
}

// flatten puts the items of lists in the place of the lists.
func flatten(docs []*strictyaml.Document) []*strictyaml.Document {
	var out []*strictyaml.Document
	for _, doc := range docs {
		if doc.APIVersion() == "v1" && (doc.Kind() == "List" || doc.Kind() == "NodeList") {
			out = append(out, doc.Items()...)
			continue
		}
		out = append(out, doc)
	}
	return out
}

// parseNode decodes strictly what an operator writes, and leniently what only a server writes: the status and the
// managed fields of a newer Kubernetes may have fields that are not known here.
func parseNode(doc *strictyaml.Document) (*corev1.Node, diag.List) {
	if doc.APIVersion() != "v1" || doc.Kind() != "Node" {
		return nil, diag.List{doc.Problem(diag.Error, "kind",
			fmt.Sprintf("kind %q of apiVersion %q, wanted a Node of v1", doc.Kind(), doc.APIVersion()), "")}
	}
	doc.Ignore("status")
	doc.Ignore("metadata", "managedFields")
	parsed := new(corev1.Node)
	problems := doc.Decode(parsed)
	if problems.HasErrors() {
		return nil, problems
	}
	for _, want := range []struct {
		field string
		into  any
	}{{"conditions", &parsed.Status.Conditions}, {"addresses", &parsed.Status.Addresses}} {
		raw, ok := doc.Canonical("status", want.field)
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, want.into); err != nil {
			return nil, diag.List{doc.Problem(diag.Error, "status."+want.field, err.Error(), "")}
		}
	}
	return parsed, problems
}
