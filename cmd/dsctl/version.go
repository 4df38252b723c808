package main

import (
	"context"
	"fmt"
	"slices"

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
		Long: long(`Print the versions of this program and of the agent, and of the Kubernetes code in them that validates. If the
agent does not answer, its version is <unknown>; --client does not ask it.`,
			online("it failed")),
		Args: noArgs,
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
		text:   func(p page) error { return printVersions(p, v, !clientOnly) },
	})
	if err != nil || asked == nil {
		return err
	}
	return &exitError{
		code: exitCode(asked), err: fmt.Errorf("the agent's version is not known: %w", asked),
		hint: "dsctl version --client asks no agent",
	}
}

// printVersions leaves the column COMMIT out where no program knows its own: packages are built from a source archive.
func printVersions(p page, v versions, asked bool) error {
	commits := v.Client.Commit != "" || v.Agent != nil && v.Agent.Commit != ""
	t := newTable("PROGRAM", "VERSION", "KUBERNETES", "GO", "PLATFORM")
	if commits {
		t.header = slices.Insert(t.header, 2, "COMMIT")
	}
	add := func(program string, v *api.VersionInfo) {
		cells := []string{program, v.Version, v.Kubernetes, v.GoVersion, v.Platform}
		if commits {
			cells = slices.Insert(cells, 2, v.Commit)
		}
		t.add(cells...)
	}
	add("dsctl", &v.Client)
	switch {
	case v.Agent != nil:
		add("daemonsetd", v.Agent)
	case asked:
		add("daemonsetd", &api.VersionInfo{
			Version: unknown, Commit: unknown, Kubernetes: unknown, GoVersion: unknown, Platform: unknown,
		})
	}
	return t.write(p, p.width)
}
