package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

type renderOptions struct {
	files []string
	node  nodeOptions
	all   bool
}

func newRenderCommand(d *deps) *cobra.Command {
	var o renderOptions
	cmd := &cobra.Command{
		Use:   "render -f FILE|DIR [--node-file FILE]",
		Short: "Print the static pod manifests that the agent would write",
		Long: long(`Print the static pod manifests that the agent of a node would write for spec files. DaemonSets that do not
belong on the node are left out. Without --node-file, the node is the one of this host's agent; with it, no agent is
needed.`, online("a file has an error")),
		Example: example("dsctl render -f specs.d --node-file node.yaml", "dsctl render -f web.yaml --node-file node.yaml --all"),
		Args:    cobra.NoArgs,
		RunE:    d.verb(func(ctx context.Context, _ []string) error { return d.runRender(ctx, o) }),
	}
	addFileFlags(cmd, &o.files)
	addNodeFlags(cmd, &o.node)
	cmd.Flags().BoolVar(&o.all, "all", false, "render DaemonSets also where they do not belong on the node")
	return cmd
}

func addFileFlags(cmd *cobra.Command, files *[]string) {
	cmd.Flags().StringArrayVarP(files, "filename", "f", nil, "spec file or directory, - for the standard input; may be repeated")
	_ = cmd.MarkFlagRequired("filename")
	_ = cmd.RegisterFlagCompletionFunc("filename", completeSpecFiles)
}

func addNodeFlags(cmd *cobra.Command, o *nodeOptions) {
	cmd.Flags().StringVar(&o.file, "node-file", "", "file of v1 Nodes, such as node.yaml or the output of kubectl get node -o yaml")
	cmd.Flags().StringVar(&o.name, "node-name", "", "name of the node, instead of the one in the file")
	_ = cmd.RegisterFlagCompletionFunc("node-file", completeSpecFiles)
}

func (d *deps) runRender(ctx context.Context, o renderOptions) error {
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
	sets, bad := daemonSets(files)
	manifests, err := d.renderAll(sets, nodes, o.all)
	if err != nil {
		return err
	}
	if err := d.print(manifestView(manifests)); err != nil {
		return err
	}
	return badFiles(bad)
}

// badFiles is the error for files whose problems have been shown.
func badFiles(n int) error {
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%s bad and left out", countAre(n, "file"))
}

func countAre(n int, one string) string {
	if n == 1 {
		return "1 " + one + " is"
	}
	return count(n, one) + " are"
}

func (d *deps) renderAll(sets []*spec.DaemonSet, nodes []*corev1.Node, all bool) ([]render.Manifest, error) {
	var out []render.Manifest
	for _, set := range sets {
		compiled := placement.Compile(set.Object)
		for _, node := range nodes {
			if should, _ := compiled.Fits(node); !should && !all {
				d.notef("%s does not belong on node %s", set.Key(), node.Name)
				continue
			}
			m, err := d.renderOne(set, node)
			if err != nil {
				return nil, err
			}
			out = append(out, m)
		}
	}
	return out, nil
}

func (d *deps) renderOne(set *spec.DaemonSet, node *corev1.Node) (render.Manifest, error) {
	m, changes, err := render.Render(set.Object, render.Options{
		NodeName: node.Name, Revision: render.Revision(set.Template), Source: set.Source.File,
	})
	if err != nil {
		return render.Manifest{}, fmt.Errorf("rendering %s for node %s: %w", set.Key(), node.Name, err)
	}
	for _, c := range changes {
		if !c.Silent {
			d.warnf("%s: %s: %s", set.Key(), c.Path, c.Message)
		}
	}
	return m, nil
}

// podList is what json and yaml show of manifests.
type podList struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []json.RawMessage `json:"items"`
}

func manifestView(manifests []render.Manifest) view {
	list := podList{APIVersion: "v1", Kind: "List", Items: []json.RawMessage{}}
	v := view{text: func(p page) error { return printManifests(p, manifests) }}
	for _, m := range manifests {
		raw, err := yaml.YAMLToJSON(m.Data)
		if err != nil {
			// What Render wrote is YAML; if it were not, the text would show it.
			continue
		}
		list.Items = append(list.Items, raw)
		v.names = append(v.names, m.FileName)
	}
	v.object, v.rows = list, rowsOf(list.Items)
	return v
}

func printManifests(p page, manifests []render.Manifest) error {
	for i, m := range manifests {
		if i > 0 {
			p.printf("---\n")
		}
		if _, err := p.Write(m.Data); err != nil {
			return err
		}
	}
	return nil
}
