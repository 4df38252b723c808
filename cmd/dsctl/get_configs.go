package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

type configsOptions struct {
	all       bool
	namespace string
}

func newGetConfigsCommand(d *deps) *cobra.Command {
	var o configsOptions
	cmd := &cobra.Command{
		Use:     "configs [DAEMONSET]",
		Aliases: []string{"config"},
		Short:   "List the files of ConfigMaps and Secrets that are laid for pods",
		Long: long(`List the files that are laid on this host for the ConfigMap, Secret and projected volumes of pods: for which
pod, from which spec file, how many and how large. With -o wide there is one line for each file, with its mode and
the digest of its content. Contents are never shown.

DAEMONSET is namespace/name, or name in the namespace default or that of -n; without it, all of the namespace of -n or
of all namespaces are listed.`,
			online("it failed")),
		Example: example("dsctl get configs", "dsctl get configs kube-system/web -o wide",
			`dsctl get configs -o 'jsonpath={.items[*].path}'`),
		Args: atMostOne("one DAEMONSET"),
		RunE: d.verb(func(ctx context.Context, args []string) error { return d.runGetConfigs(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completeConfigs
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "those of all namespaces, as where nothing is said")
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "", "those of this namespace")
	_ = cmd.RegisterFlagCompletionFunc("namespace", d.completeNamespaces)
	return cmd
}

func (d *deps) runGetConfigs(ctx context.Context, o configsOptions, args []string) error {
	name := ""
	if len(args) > 0 {
		if o.all {
			return usagef("a resource cannot be retrieved by name across all namespaces")
		}
		var err error
		if name, err = oneDaemonSet(o.namespace, args); err != nil {
			return err
		}
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.Configs(ctx)
	if err != nil {
		return err
	}
	switch {
	case name != "":
		list.Items = ofDaemonSet(list.Items, name)
	case !o.all && o.namespace != "":
		list.Items = slices.DeleteFunc(list.Items, func(t api.ConfigTree) bool {
			return !strings.HasPrefix(t.DaemonSet, o.namespace+"/")
		})
	}
	if err := sortItems(d.sortBy, list.Items); err != nil {
		return err
	}
	return d.print(configsView(list))
}

// ofDaemonSet are those of one DaemonSet.
func ofDaemonSet(all []api.ConfigTree, name string) []api.ConfigTree {
	if !strings.Contains(name, "/") {
		name = "default/" + name
	}
	out := []api.ConfigTree{}
	for _, t := range all {
		if t.DaemonSet == name {
			out = append(out, t)
		}
	}
	return out
}

func configsView(list *api.ConfigTreeList) view {
	v := view{object: list, rows: rowsOf(list.Items), text: func(p page) error { return printConfigs(p, list.Items) }}
	for _, t := range list.Items {
		v.names = append(v.names, t.Path)
	}
	return v
}

func printConfigs(p page, items []api.ConfigTree) error {
	if len(items) == 0 {
		p.notef("there are no files of ConfigMaps or Secrets")
		return nil
	}
	if p.wide {
		return printConfigFiles(p, items)
	}
	t := p.table("DAEMONSET", "VOLUME", "REVISION", "FILES", "SIZE", "STORED", "SOURCE", "AGE")
	for _, c := range items {
		size := int64(0)
		for _, f := range c.Files {
			size += f.Size
		}
		t.add(c.DaemonSet, c.Volume, c.Revision, fmt.Sprint(len(c.Files)), fmt.Sprint(size), stored(c), baseNames(c.Sources),
			p.when(c.WrittenAt))
	}
	return t.write(p, p.width)
}

// printConfigFiles has a line for each file, and one for a volume without any.
func printConfigFiles(p page, items []api.ConfigTree) error {
	t := p.table("DAEMONSET", "VOLUME", "REVISION", "FILE", "MODE", "SIZE", "SHA256", "STORED", "SOURCE", "AGE", "POD",
		"DIRECTORY")
	for _, c := range items {
		files := c.Files
		if len(files) == 0 {
			files = []api.ConfigFile{{}}
		}
		for _, f := range files {
			t.add(c.DaemonSet, c.Volume, c.Revision, f.Path, f.Mode, fmt.Sprint(f.Size), digestOf(f), stored(c),
				strings.Join(c.Sources, ","), p.when(c.WrittenAt), c.Pod, c.Path)
		}
	}
	return t.write(p, p.width)
}

// stored says where the files lie, and whether Secrets are among them.
func stored(c api.ConfigTree) string {
	text := "disk"
	if c.InMemory {
		text = "memory"
	}
	if c.Secret {
		text += " (secret)"
	}
	return text
}

// baseNames is enough for people: all spec files stand in one directory.
func baseNames(paths []string) string {
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(path)
	}
	return strings.Join(names, ",")
}

// completeConfigs completes one name of a DaemonSet that has files.
func (d *deps) completeConfigs(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, ctx, cancel := d.quick(cmd.Context())
	defer cancel()
	defer c.Close()
	list, err := c.Configs(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, t := range list.Items {
		if len(names) == 0 || names[len(names)-1] != t.DaemonSet {
			names = append(names, t.DaemonSet)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// digestOf is the SHA-256 of a file, or what a Secret's has in its place.
func digestOf(f api.ConfigFile) string {
	if f.Keyed != "" {
		return "keyed:" + f.Keyed
	}
	return f.SHA256
}
