package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

func newGetCommand(d *deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get RESOURCE",
		Short: "List DaemonSets, nodes, pods, events, spec files across hosts, or laid files",
		Long: long(`List what the agent of this host has, one line each.

dsctl get ds       lists the DaemonSets, with their counts over the fleet.
dsctl get nodes    lists the nodes of the fleet.
dsctl get pods     lists the pods of this host.
dsctl get events   lists what happened on this host, as dsctl events.
dsctl get specs    lists the spec files of the fleet, and which host lacks or differs in which.
dsctl get configs  lists the files of ConfigMaps and Secrets that are laid for pods on this host.`,
			online("it failed")),
		Example: example("dsctl get ds -A", "dsctl get nodes -w", "dsctl get specs",
			"dsctl get configs kube-system/web -o wide"),
	}
	flags := cmd.PersistentFlags()
	flags.BoolVar(&d.noHeaders, "no-headers", false, "leave out the headers of tables")
	flags.StringVar(&d.sortBy, "sort-by", "",
		"sort the list by this JSONPath of its items, such as .metadata.name; a watch only begins sorted")
	cmd.AddCommand(newGetConfigsCommand(d), newGetDaemonSetsCommand(d), newGetNodesCommand(d),
		newGetPodsCommand(d), newGetSpecsCommand(d), newGetEventsCommand(d))
	cmd.RunE = d.verb(func(_ context.Context, args []string) error { return unknownResource(cmd, args) })
	return cmd
}

// unknownResource is for a resource that there is none of.
func unknownResource(cmd *cobra.Command, args []string) error {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	known := strings.Join(names, ", ")
	if len(args) == 0 {
		return usagef("a resource is required: %s", known)
	}
	return usagef("unknown resource %q, want %s", args[0], known)
}
