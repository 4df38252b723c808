package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

// completionTimeout is how long somebody who pressed the tab key waits.
const completionTimeout = time.Second

func newCompletionCommand(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a completion script for a shell",
		Long: long(`Print a script that completes verbs, flags, and the names of DaemonSets, labels and taints that this host's
agent knows.`, offline("it failed")),
		Example: example("source <(dsctl completion bash)",
			"dsctl completion fish > ~/.config/fish/completions/dsctl.fish"),
		Args:                  cobra.MatchAll(exactlyOne("one shell: bash, zsh or fish"), cobra.OnlyValidArgs),
		ValidArgs:             []string{"bash", "zsh", "fish"},
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			d.started = true
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(d.out, true)
			case "zsh":
				return root.GenZshCompletion(d.out)
			default:
				return root.GenFishCompletion(d.out, true)
			}
		},
	}
}

// quick is a client that does not wait for an agent that is not there, and says nothing.
func (d *deps) quick(ctx context.Context) (*client.Client, context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	return client.New(client.Config{Socket: d.socket, RetryFor: -1}), ctx, cancel
}

// completeDaemonSets completes one name of a DaemonSet of the agent.
func (d *deps) completeDaemonSets(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return d.completeManyDaemonSets(cmd, args, "")
}

// completeManyDaemonSets completes names of DaemonSets that are not there yet.
func (d *deps) completeManyDaemonSets(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, ctx, cancel := d.quick(cmd.Context())
	defer cancel()
	defer c.Close()
	list, err := c.DaemonSets(ctx, client.Selection{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, ds := range list.Items {
		if name := ds.Namespace + "/" + ds.Name; !slices.Contains(args, name) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeNamespaces completes a flag with the namespaces in which this host declares DaemonSets.
func (d *deps) completeNamespaces(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, ctx, cancel := d.quick(cmd.Context())
	defer cancel()
	defer c.Close()
	list, err := c.DaemonSets(ctx, client.Selection{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found := map[string]bool{}
	for i := range list.Items {
		found[list.Items[i].Namespace] = true
	}
	return slices.Sorted(maps.Keys(found)), cobra.ShellCompDirectiveNoFileComp
}

// completeRevisions completes a flag with the numbers of the revisions of the DaemonSet that the arguments name.
func (d *deps) completeRevisions(
	namespace *string,
) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		name, err := oneDaemonSet(*namespace, args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, ctx, cancel := d.quick(cmd.Context())
		defer cancel()
		defer c.Close()
		list, err := c.Revisions(ctx, api.RevisionRequest{DaemonSet: name})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for i := len(list.Items) - 1; i >= 0; i-- { // the latest first
			r := &list.Items[i]
			text := cmp.Or(r.ChangeCause, revisionState(*r), r.Revision)
			out = append(out, fmt.Sprintf("%s\t%s", revisionText(*r), cellText(text)))
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// completeNode completes what f makes of the agent's node.
func (d *deps) completeNode(
	f func(api.NodeStatus) []string,
) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		c, ctx, cancel := d.quick(cmd.Context())
		defer cancel()
		defer c.Close()
		st, err := c.Status(ctx)
		if err != nil {
			return nil, directive
		}
		return f(st.Node), directive
	}
}
