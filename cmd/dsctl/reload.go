package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func newReloadCommand(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Make the agent read all its files again",
		Long: long(`Make the agent read its configuration, node files and spec files again, and wait until it has acted on them.
What cannot be used is shown and changes nothing. The agent watches its files, so this is needed only to hear the
outcome, or where watching does not work.`, online("a file has an error, or it failed")),
		Args: noArgs,
		RunE: d.verb(d.runReload),
	}
}

func (d *deps) runReload(ctx context.Context, _ []string) error {
	c := d.client()
	defer c.Close()
	res, err := c.Reload(ctx)
	if err != nil {
		return err
	}
	err = d.print(view{
		object: res,
		names:  res.Changed,
		text:   func(p page) error { return printReload(p, res) },
	})
	if err != nil {
		return err
	}
	for _, setting := range res.RestartRequired {
		d.warnf("%s changed and takes effect when the agent is restarted", setting)
	}
	if n := countErrors(res.Problems); n > 0 {
		return &exitError{
			code: exitFailed, err: fmt.Errorf("%s; what was in effect stays", count(n, "error")),
			hint: "correct the files; dsctl validate checks them",
		}
	}
	if len(res.Changed) > 0 {
		d.next("dsctl status")
	}
	return nil
}

func printReload(p page, res *api.ReloadResult) error {
	printProblems(p, res.Problems)
	if len(res.Changed) == 0 {
		p.printf("reloaded, nothing changed\n")
		return nil
	}
	p.printf("reloaded: %s\n", strings.Join(res.Changed, "; "))
	return nil
}

func countErrors(problems []api.Problem) int {
	n := 0
	for _, p := range problems {
		if p.Severity == api.SeverityError {
			n++
		}
	}
	return n
}
