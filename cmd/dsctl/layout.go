package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/manifests/assemble"
)

// layoutOptions say where the agent keeps the files of volumes.
type layoutOptions struct {
	state, runtime string
	// given is set when the command line has one of them.
	given func() bool
}

func addLayoutFlags(cmd *cobra.Command, o *layoutOptions) {
	def := config.Default()
	flags := cmd.Flags()
	flags.StringVar(&o.state, "state-dir", def.StateDir, "the agent's state directory, in which the files of volumes lie")
	flags.StringVar(&o.runtime, "runtime-dir", def.RuntimeDir,
		"the agent's runtime directory, in which those with Secrets lie; empty where it is not in memory")
	o.given = func() bool { return flags.Changed("state-dir") || flags.Changed("runtime-dir") }
	for _, name := range []string{"state-dir", "runtime-dir"} {
		_ = cmd.MarkFlagDirname(name)
	}
}

// layout is that of the command line, or else that of the agent where the agent is asked for the node, too.
func (d *deps) layout(ctx context.Context, o layoutOptions, n nodeOptions) (assemble.Layout, error) {
	l := assemble.Layout{StateDir: o.state, RuntimeDir: o.runtime}
	if n.file == "" && !o.given() {
		c := d.client()
		defer c.Close()
		st, err := c.Status(ctx)
		if err != nil {
			return l, err
		}
		if st.Paths.State != "" && st.Paths.Runtime != "" {
			l.StateDir, l.RuntimeDir = st.Paths.State, st.Paths.Runtime
		}
	}
	if !filepath.IsAbs(l.StateDir) || l.RuntimeDir != "" && !filepath.IsAbs(l.RuntimeDir) {
		return l, usagef("--state-dir %q and --runtime-dir %q: want absolute paths, as pods mount files from there",
			l.StateDir, l.RuntimeDir)
	}
	return l, nil
}
