package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// absentVerb is a verb of kubectl's that there is none of here, with what to do in its place.
type absentVerb struct {
	name string
	// why says how it is here, hint what to do.
	why, hint string
}

// absentVerbs are those for which fingers that know kubectl reach first.
func absentVerbs() []absentVerb {
	const files = "what runs is what the spec files of each host say"
	return []absentVerb{
		{
			"apply", files,
			"check the file with dsctl validate and dsctl plan -f FILE, then copy it into the specs directory of every host",
		},
		{
			"create", files,
			"check the file with dsctl validate and dsctl plan -f FILE, then copy it into the specs directory of every host",
		},
		{
			"delete", files,
			"remove the DaemonSet's file from the specs directory of every host; dsctl status -o wide names it",
		},
		{
			"edit", files,
			"edit the file in the specs directory, which dsctl status -o wide names, and install it on every host",
		},
		{
			"replace", files,
			"install the file in the specs directory of every host; dsctl rollout replace is for strategy OnDelete",
		},
		{
			"patch", files,
			"edit the file in the specs directory and install it on every host",
		},
		{
			"scale", "a DaemonSet has one pod on every node that qualifies",
			"change its nodeSelector, or the labels and taints of nodes with dsctl label and dsctl taint",
		},
		{
			"set", files,
			"edit the file in the specs directory and install it on every host",
		},
		{
			"drain", "pods of DaemonSets stay on a drained node, and there are no others here",
			"dsctl taint KEY:NoExecute takes down what does not tolerate it; dsctl cordon marks the node unschedulable",
		},
		{
			"annotate", "annotations of the node are set in its files",
			"write metadata.annotations in node.yaml or in a file of node.d; those of a DaemonSet are set in its spec file",
		},
		{
			"top", "dsctl measures nothing",
			"crictl stats shows what the containers of this host use",
		},
	}
}

// command answers whatever arguments and flags kubectl's has.
func (v absentVerb) command() *cobra.Command {
	answer := &exitError{code: exitUsage, err: errors.New("there is no dsctl " + v.name + ": " + v.why), hint: v.hint}
	return &cobra.Command{
		Use:                v.name,
		Hidden:             true,
		Short:              "Not there: " + v.why,
		Long:               "There is no dsctl " + v.name + ": " + v.why + ".\nInstead: " + v.hint + ".",
		Args:               cobra.ArbitraryArgs,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
		ValidArgsFunction:  cobra.NoFileCompletions,
		RunE:               func(*cobra.Command, []string) error { return answer },
	}
}

// absentRolloutVerb is the answer to a verb of kubectl rollout that there is none of; nil: it has none either.
func absentRolloutVerb(name string) error {
	switch name {
	case "pause", "resume":
		return &exitError{
			code: exitUsage, err: errors.New("a rollout is paused and resumed in the DaemonSet's spec file"),
			hint: `set the annotation daemonsetd.io/paused: "true", or remove it`,
		}
	case "restart":
		return &exitError{
			code: exitUsage, err: errors.New("a rollout is begun anew in the DaemonSet's spec file"),
			hint: "change an annotation of the pod template, such as kubectl.kubernetes.io/restartedAt",
		}
	}
	return nil
}
