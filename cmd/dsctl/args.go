package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// theDaemonSet is what the verbs about one DaemonSet take.
const theDaemonSet = "one DaemonSet: NAME, NAMESPACE/NAME or ds/NAME"

// noArgs, exactly and atLeast are cobra's, with texts that say what is wanted instead of counting: they are read by
// somebody who has just left something out.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument, and %q is one", cmd.CommandPath(), args[0])
	}
	return nil
}

// atMostOne takes what, or nothing.
func atMostOne(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("wanted at most %s, and %q is one more", what, args[1])
		}
		return nil
	}
}

func exactlyOne(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return fmt.Errorf("wanted %s", what)
		case len(args) > 1:
			return fmt.Errorf("wanted %s, and %q is one more", what, args[1])
		}
		return nil
	}
}

func atLeastOne(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("wanted %s", what)
		}
		return nil
	}
}

// daemonSetArgs takes one DaemonSet, also as kubectl's two words ds NAME. oneDaemonSet reads them.
func daemonSetArgs(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return fmt.Errorf("wanted %s", theDaemonSet)
	case len(args) == 1 && isDaemonSetKind(args[0]):
		return fmt.Errorf("wanted a name after %q", args[0])
	case len(args) > 2 || len(args) == 2 && !isDaemonSetKind(args[0]):
		return fmt.Errorf("wanted %s, and %q is one more", theDaemonSet, args[len(args)-1])
	}
	return nil
}
