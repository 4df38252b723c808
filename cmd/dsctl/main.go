// Command dsctl is the command line of daemonsetd: it checks and explains spec files without an agent, and shows and
// changes what the agent of this host does. There is one file for each verb; exit.go has the exit codes.
package main

import "context"

// version is set by the build.
var version = ""

// run is the whole program: arguments in, exit code out.
func run(ctx context.Context, args []string, s streams, getenv func(string) string) int {
	d := &deps{streams: s, getenv: getenv}
	root := newRootCommand(d)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	cmd, err := root.ExecuteContextC(ctx)
	return d.report(cmd, err)
}
