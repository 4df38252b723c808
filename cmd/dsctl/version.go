package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// versions is the result of version. Agent is nil when it was not asked or did not answer.
type versions struct {
	SchemaVersion int              `json:"schemaVersion"`
	Client        api.VersionInfo  `json:"client"`
	Agent         *api.VersionInfo `json:"agent,omitempty"`
}

func newVersionCommand(d *deps) *cobra.Command {
	var clientOnly bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of dsctl and of the agent",
		Long: long(`Print the versions of this program and of the agent, and of the Kubernetes code in them that validates.`,
			online("it failed")),
		Args: cobra.NoArgs,
		RunE: d.verb(func(ctx context.Context, _ []string) error { return d.runVersion(ctx, clientOnly) }),
	}
	cmd.Flags().BoolVar(&clientOnly, "client", false, "print only the version of dsctl; no agent is asked")
	return cmd
}

func (d *deps) runVersion(ctx context.Context, clientOnly bool) error {
	v := versions{SchemaVersion: schemaVersion, Client: api.Build(version)}
	var asked error
	if !clientOnly {
		c := d.client()
		defer c.Close()
		v.Agent, asked = c.Version(ctx)
	}
	err := d.print(view{
		object: v,
		names:  []string{v.Client.Version},
		text:   func(p page) error { return printVersions(p, v) },
	})
	if err != nil {
		return err
	}
	return asked
}

func printVersions(p page, v versions) error {
	t := newTable("PROGRAM", "VERSION", "COMMIT", "KUBERNETES", "GO", "PLATFORM")
	add := func(program string, v *api.VersionInfo) {
		t.add(program, v.Version, v.Commit, v.Kubernetes, v.GoVersion, v.Platform)
	}
	add("dsctl", &v.Client)
	if v.Agent != nil {
		add("daemonsetd", v.Agent)
	}
	return t.write(p, p.width)
}
