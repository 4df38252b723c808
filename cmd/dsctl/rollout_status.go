package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

type statusOptions struct {
	namespace string
	watch     bool
	timeout   time.Duration
}

func newRolloutStatusCommand(d *deps) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status DAEMONSET",
		Short: "Show how a rollout goes until it is over",
		Long: long(`Show where the rollout of a DaemonSet stands over the fleet, in kubectl's words, and go on until it is over: which
hosts are being updated, who is next and what stands in its way, and who is held, has failed, or does not show how it
stands. With -o wide every host has a line, too. A terminal shows a bar as well, with the time since the command began
and the time that the rest takes at the pace so far.

It is over when all hosts that the pod belongs on have an available pod of the latest revision, which has been ready
for the soak (daemonsetd.io/soak, 10s without a probe); as kubectl does for StatefulSets, also when only those are
missing that the annotation daemonsetd.io/partition keeps back. A rollout with the strategy OnDelete does not go on by
itself, so that it can be looked at with --watch=false alone. One that ended because the hosts went back to the
revision before (daemonsetd.io/auto-rollback) has failed. So has one that is halted: as many hosts have failed as
daemonsetd.io/max-failed allows (without it, as may be down), or all others have finished.

DAEMONSET is NAME, NAMESPACE/NAME or ds/NAME. What is shown is what this host knows.`,
			online("the rollout is halted, was rolled back or not over in time, there is no such DaemonSet, or it failed")),
		Example: example("dsctl rollout status kube-system/web", "dsctl rollout status ds/web --timeout 10m",
			"dsctl rollout status web --watch=false -o wide"),
		Args: daemonSetArgs,
		RunE: d.verb(func(ctx context.Context, args []string) error { return d.runRolloutStatus(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	d.addNamespaceFlag(cmd, &o.namespace)
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", true, "go on until the rollout is over")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "how long to go on at most, such as 10m; 0 means for ever")
	return cmd
}

// rolledBack is an error where a rollout is over because it failed.
func rolledBack(r *api.Rollout) error {
	if r.RolledBack == "" {
		return nil
	}
	return &exitError{
		code: exitFailed, err: fmt.Errorf("daemon set %q did not become available with revision %s, and was rolled back",
			nameOf(r.DaemonSet), r.RolledBack),
		hint: "dsctl events says where and when; correct the spec file on every host",
	}
}

// halted is an error where a rollout does not go on by itself because hosts have failed.
func halted(r *api.Rollout) error {
	if r.Halted == nil {
		return nil
	}
	return &exitError{
		code: exitFailed, err: fmt.Errorf("daemon set %q: %s", nameOf(r.DaemonSet), cellText(r.Halted.Text)),
		hint: "correct the file, or: dsctl rollout undo " + r.DaemonSet,
	}
}

func (d *deps) runRolloutStatus(ctx context.Context, o statusOptions, args []string) error {
	name, err := oneDaemonSet(o.namespace, args)
	if err != nil {
		return err
	}
	if o.timeout < 0 {
		return usagef("--timeout %s is negative, 0 means for ever", o.timeout)
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	req := api.RolloutRequest{DaemonSet: name, Hosts: d.output != formatText}
	now, version, err := rolloutAt(ctx, c, req)
	if err != nil {
		return err
	}
	out := newRolloutPrinter(d)
	if !o.watch {
		return cmp.Or(out.print(now), halted(now))
	}
	if now.Strategy == onDeleteStrategy {
		return &exitError{
			code: exitFailed, err: errors.New("rollout status is only available for RollingUpdate strategy type"),
			hint: "--watch=false shows how it stands; dsctl rollout replace on a host replaces the pod there",
		}
	}
	out.watched = &progress{}
	f := follow{now: now, version: version, hosts: req.Hosts, timeout: o.timeout}
	return followRollout(ctx, c, f, func(r *api.Rollout) (bool, error) {
		if err := out.print(r); err != nil {
			return false, err
		}
		if err := halted(r); err != nil || !r.Done {
			return err != nil, err
		}
		return true, rolledBack(r)
	})
}
