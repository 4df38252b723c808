package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

// envSocket names another socket than the default one.
const envSocket = "DAEMONSETD_SOCKET"

// deps is what every verb gets.
type deps struct {
	streams
	getenv func(string) string
	// started is set when the command line was understood and a verb began.
	started bool

	socket  string
	output  string
	noColor bool
	// noHeaders leaves out the headers of tables.
	noHeaders bool
	// sortBy is a JSONPath of the items of a list, by which they are sorted.
	sortBy string
	// yaml puts --- between the objects of a watch.
	yaml printers.YAMLPrinter
}

// Groups of verbs in the help.
const (
	groupFiles = "files"
	groupFleet = "fleet"
	groupHost  = "host"
	groupNode  = "node"
)

func newRootCommand(d *deps) *cobra.Command {
	root := &cobra.Command{
		Use:   "dsctl",
		Short: "Check, explain and watch DaemonSets that run without a control plane",
		Long: long(`dsctl is the command line of daemonsetd. It checks and explains spec files without an agent, shows and changes
what the agent of this host does, and shows the fleet that the host is part of.`, online("it failed, there are differences, or the host is unhealthy")),
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		// Two letters of difference are another word where words have four: "edit" is not "wait".
		SuggestionsMinimumDistance: 1,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&d.socket, "socket", d.defaultSocket(), "path of the agent's socket; also $"+envSocket)
	flags.BoolVar(&d.noColor, "no-color", false, "never use colours; also $NO_COLOR")
	flags.StringVarP(&d.output, "output", "o", "",
		"json, yaml, name, wide, jsonpath=TEMPLATE, go-template=TEMPLATE or custom-columns=HEADER:PATH,...")
	_ = root.RegisterFlagCompletionFunc("output", completeOutput)
	root.AddGroup(
		&cobra.Group{ID: groupFiles, Title: "Files, with or without an agent:"},
		&cobra.Group{ID: groupHost, Title: "This host:"},
		&cobra.Group{ID: groupFleet, Title: "The fleet:"},
		&cobra.Group{ID: groupNode, Title: "This node:"},
	)
	addGroup(root, groupFiles, newValidateCommand(d), newRenderCommand(d), newExplainCommand(d), newPlanCommand(d),
		newKeyringCommand(d))
	addGroup(root, groupHost, newStatusCommand(d), newDiffCommand(d), newEventsCommand(d), newLogsCommand(d),
		newReloadCommand(d))
	addGroup(root, groupFleet, newFleetCommand(d), newGetCommand(d), newDescribeCommand(d), newRolloutCommand(d),
		newWaitCommand(d), newMembersCommand(d), newForgetCommand(d), newLeaveCommand(d), newTrustCommand(d))
	addGroup(root, groupNode, newLabelCommand(d), newTaintCommand(d), newCordonCommand(d), newUncordonCommand(d))
	root.AddCommand(newVersionCommand(d), newCompletionCommand(d))
	for _, v := range absentVerbs() {
		root.AddCommand(v.command())
	}
	return root
}

func addGroup(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// long is a verb's help: what it does, and its exit codes.
func long(text string, e exits) string { return text + "\n\n" + e.help() }

// example indents the lines of an example as the help wants them.
func example(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }

func (d *deps) defaultSocket() string {
	if s := d.getenv(envSocket); s != "" {
		return s
	}
	return client.DefaultSocket
}

// verb wraps a verb's function: from here on errors are no longer about the command line as such.
func (d *deps) verb(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if _, err := parseFormat(d.output); err != nil {
			return err
		}
		d.started = true
		return f(cmd.Context(), args)
	}
}

// client is for asking the agent.
func (d *deps) client() *client.Client {
	return client.New(client.Config{
		Socket:  d.socket,
		Version: api.Build(version).Version,
		Warn:    func(text string) { d.warnf("%s", text) },
	})
}

// settled is client once the agent has taken up the files that were installed before: what is asked then is answered
// from them. An agent of an earlier version, and one that cannot say so now, is asked all the same.
func (d *deps) settled(ctx context.Context) (*client.Client, error) {
	c := d.client()
	res, err := c.Settle(ctx)
	if errors.Is(err, client.ErrUnreachable) || errors.Is(err, client.ErrForbidden) || ctx.Err() != nil {
		c.Close()
		return nil, err
	}
	apiErr, isAPI := errors.AsType[*api.Error](err)
	switch {
	case err == nil && len(res.Pending) > 0:
		d.warnf("still being written, so that what it said before counts: %s", strings.Join(res.Pending, ", "))
	case isAPI && apiErr.Code != api.CodeNotFound:
		d.warnf("%s; what follows may be from before the latest changes of files", apiErr.Detail)
	}
	return c, nil
}

// color tells whether to colour what goes to out.
func (d *deps) color() bool {
	return d.tty() && !d.noColor && d.getenv("NO_COLOR") == "" && d.getenv("TERM") != "dumb"
}
