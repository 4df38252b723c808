package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

type renderOptions struct {
	files       []string
	node        nodeOptions
	layout      layoutOptions
	all         bool
	trees       bool
	showSecrets bool
}

func newRenderCommand(d *deps) *cobra.Command {
	var o renderOptions
	cmd := &cobra.Command{
		Use:   "render -f FILE|DIR [--node-file FILE]",
		Short: "Print the static pod manifests that the agent would write",
		Long: long(`Print the static pod manifests that the agent of a node would write for spec files, with everything that they
refer to in its place: values of ConfigMaps, Secrets and node labels in the environment, and volumes as directories of
the host. ConfigMaps and Secrets are taken from the files given, and from nowhere else. DaemonSets that do not belong on
the node are left out, as are those that lack something.

Without --node-file, the node and the directories are those of this host's agent; with it, no agent is needed. A node of
that file has the labels that the agent adds by itself (kubernetes.io/os, arch and hostname, those of this machine)
unless the file sets them, or comes from an API server.

Values that come from Secrets are replaced by the names of their keys, unless --show-secrets is given. Such a manifest
keeps the checksum of the real one, so that it does not pass for a file of the agent's.`,
			online("a file has an error, or a DaemonSet lacks something that it refers to")),
		Example: example("dsctl render -f specs.d --node-file node.yaml",
			"dsctl render -f web.yaml -f config.yaml --node-file node.yaml --trees"),
		Args: noArgs,
		RunE: d.verb(func(ctx context.Context, _ []string) error { return d.runRender(ctx, o) }),
	}
	addFileFlags(cmd, &o.files)
	addNodeFlags(cmd, &o.node)
	addLayoutFlags(cmd, &o.layout)
	cmd.Flags().BoolVar(&o.all, "all", false, "render DaemonSets also where they do not belong on the node")
	cmd.Flags().BoolVar(&o.trees, "trees", false, "list the files of volumes too, with digests and never contents")
	cmd.Flags().BoolVar(&o.showSecrets, "show-secrets", false, "print values of Secrets as they are in the manifests")
	return cmd
}

func addFileFlags(cmd *cobra.Command, files *[]string) {
	cmd.Flags().StringArrayVarP(files, "filename", "f", nil,
		"spec file or directory, - for the standard input; may be repeated")
	_ = cmd.MarkFlagRequired("filename")
	_ = cmd.RegisterFlagCompletionFunc("filename", completeSpecFiles)
}

func addNodeFlags(cmd *cobra.Command, o *nodeOptions) {
	cmd.Flags().StringVar(&o.file, "node-file", "",
		"file of v1 Nodes, such as node.yaml or the output of kubectl get node -o yaml")
	cmd.Flags().StringVar(&o.name, "node-name", "", "name of the node, instead of the one in the file")
	cmd.Flags().StringVar(&o.address, "node-address", "", "address of the node, instead of those in the file")
	_ = cmd.RegisterFlagCompletionFunc("node-file", completeSpecFiles)
}

func (d *deps) runRender(ctx context.Context, o renderOptions) error {
	nodes, err := d.nodes(ctx, o.node)
	if err != nil {
		return err
	}
	layout, err := d.layout(ctx, o.layout, o.node)
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
	r := rendering{deps: d, options: o, layout: layout}
	if err := r.run(files, nodes); err != nil {
		return err
	}
	if err := d.print(renderedView(r.out, o.trees)); err != nil {
		return err
	}
	if r.hidden {
		d.notef("values of Secrets are replaced by the names of their keys; --show-secrets prints them")
	}
	return r.left()
}

// left is the error for what was left out; why has been shown.
func (r *rendering) left() error {
	var parts []string
	if r.bad > 0 {
		parts = append(parts, countAre(r.bad, "file")+" bad and left out")
	}
	if r.lacking > 0 {
		parts = append(parts, countAre(r.lacking, "DaemonSet")+" left out for want of "+whatTheyReferTo(r.lacking))
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(parts, "; "))
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

func whatTheyReferTo(n int) string {
	if n == 1 {
		return "what it refers to"
	}
	return "what they refer to"
}
