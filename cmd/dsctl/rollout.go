package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

func newRolloutCommand(d *deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollout VERB",
		Short: "Follow, explain and undo the rollout of a DaemonSet over the fleet",
		Long: long(`Follow the rollout of a DaemonSet over the fleet, see its history, and go back.

A rollout begins by itself on each host when the DaemonSet's spec file there has a new template, and moves on by
itself as far as maxUnavailable or maxSurge lets it. It is paused and resumed by the annotation daemonsetd.io/paused
in the file, so that it stands where the rest stands; daemonsetd.io/partition keeps some hosts on what they run.`,
			online("it failed")),
		Example: example("dsctl rollout status kube-system/web", "dsctl rollout history ds/web -n kube-system",
			"dsctl rollout undo kube-system/web --to 4"),
	}
	cmd.AddCommand(newRolloutStatusCommand(d), newRolloutHistoryCommand(d), newRolloutDiffCommand(d),
		newRolloutUndoCommand(d), newRolloutReplaceCommand(d), newRolloutReleaseCommand(d), newRolloutResetCommand(d))
	cmd.RunE = d.verb(func(_ context.Context, args []string) error { return unknownRolloutVerb(cmd, args) })
	return cmd
}

// unknownRolloutVerb is for a verb that there is none of. Some that kubectl has are done otherwise here.
func unknownRolloutVerb(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		if err := absentRolloutVerb(args[0]); err != nil {
			return err
		}
	}
	var known []string
	for _, c := range cmd.Commands() {
		known = append(known, c.Name())
	}
	names := strings.Join(known, ", ")
	if len(args) == 0 {
		return usagef("a verb is required: %s", names)
	}
	return usagef("unknown verb %q, want %s", args[0], names)
}
