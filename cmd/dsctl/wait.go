package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

const (
	// waitDefault is how long kubectl wait waits when nothing is said, waitLong what it takes a negative time for.
	waitDefault = 30 * time.Second
	waitLong    = 7 * 24 * time.Hour
)

type waitOptions struct {
	namespace, condition string
	timeout              time.Duration
}

func newWaitCommand(d *deps) *cobra.Command {
	var o waitOptions
	cmd := &cobra.Command{
		Use:   "wait ds/NAME --for=rollout [--timeout T]",
		Short: "Wait until a rollout is over",
		Long: long(`Wait until the rollout of a DaemonSet is over, by the measure of dsctl rollout status, and say so as kubectl wait
does. A rollout that is over already is not waited for.`,
			online("it was rolled back or not over in time, there is no such DaemonSet, or it failed")),
		Example: example("dsctl wait ds/web --for=rollout --timeout 10m", "dsctl wait kube-system/web --for=rollout"),
		Args:    daemonSetArgs,
		RunE:    d.verb(func(ctx context.Context, args []string) error { return d.runWait(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	d.addNamespaceFlag(cmd, &o.namespace)
	cmd.Flags().StringVar(&o.condition, "for", "", "what to wait for: rollout")
	cmd.Flags().DurationVar(&o.timeout, "timeout", waitDefault,
		"how long to wait at most; 0 means to look once, a negative time a week")
	_ = cmd.MarkFlagRequired("for")
	_ = cmd.RegisterFlagCompletionFunc("for",
		cobra.FixedCompletions([]string{"rollout"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (d *deps) runWait(ctx context.Context, o waitOptions, args []string) error {
	name, err := oneDaemonSet(o.namespace, args)
	if err != nil {
		return err
	}
	if o.condition != "rollout" {
		return usagef("unrecognized condition: %q, want rollout", o.condition)
	}
	if o.timeout < 0 {
		o.timeout = waitLong
	}
	c := d.client()
	defer c.Close()
	now, version, err := rolloutAt(ctx, c, api.RolloutRequest{DaemonSet: name})
	if err != nil {
		return err
	}
	if o.timeout > 0 {
		f := follow{now: now, version: version, timeout: o.timeout}
		err = followRollout(ctx, c, f, func(r *api.Rollout) (bool, error) { now = r; return r.Done, nil })
		if err != nil && !errors.Is(err, errTimedOut) {
			return err
		}
	}
	if !now.Done {
		return &exitError{
			code: exitFailed, err: fmt.Errorf("%w on daemonsets/%s", errTimedOut, nameOf(now.DaemonSet)),
			hint: "dsctl rollout status " + now.DaemonSet + " says what it waits for",
		}
	}
	if err := rolledBack(now); err != nil {
		return err
	}
	return d.print(view{object: now, names: []string{kubectlName(now.DaemonSet)}, text: func(p page) error {
		p.printf("%s condition met\n", kubectlName(now.DaemonSet))
		return nil
	}})
}
