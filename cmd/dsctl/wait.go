package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/registry"
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

// What can be waited for.
const (
	forRollout = "rollout"
	forDelete  = "delete"
)

func newWaitCommand(d *deps) *cobra.Command {
	var o waitOptions
	cmd := &cobra.Command{
		Use:   "wait ds/NAME... --for=rollout|delete [--timeout T]",
		Short: "Wait until rollouts are over, or until DaemonSets are gone",
		Long: long(`Wait until the rollout of each DaemonSet is over, by the measure of dsctl rollout status, and say so as kubectl wait
does. A rollout that is over already is not waited for. With --for=delete, wait until this host declares the DaemonSets
no longer; one that it does not declare is not waited for.

DaemonSets are NAME, NAMESPACE/NAME, ds/NAME, or ds NAME.... The timeout is for all of them together.`,
			online("one was rolled back or not over in time, there is no such DaemonSet, or it failed")),
		Example: example("dsctl wait ds/web --for=rollout --timeout 10m",
			"dsctl wait kube-system/web default/log --for=rollout",
			"dsctl wait ds/web --for=delete"),
		Args: atLeastOne("a DaemonSet: NAME, NAMESPACE/NAME or ds/NAME"),
		RunE: d.verb(func(ctx context.Context, args []string) error { return d.runWait(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completeManyDaemonSets
	d.addNamespaceFlag(cmd, &o.namespace)
	cmd.Flags().StringVar(&o.condition, "for", "", "what to wait for: rollout or delete")
	cmd.Flags().DurationVar(&o.timeout, "timeout", waitDefault,
		"how long to wait at most; 0 means to look once, a negative time a week")
	_ = cmd.MarkFlagRequired("for")
	_ = cmd.RegisterFlagCompletionFunc("for",
		cobra.FixedCompletions([]string{forRollout, forDelete}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (d *deps) runWait(ctx context.Context, o waitOptions, args []string) error {
	names, err := manyDaemonSets(o.namespace, args)
	if err != nil {
		return err
	}
	wait := d.waitForRollout
	switch o.condition {
	case forRollout:
	case forDelete:
		wait = d.waitForDelete
	default:
		return usagef("unrecognized condition: %q, want rollout or delete", o.condition)
	}
	if o.timeout < 0 {
		o.timeout = waitLong
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	until := time.Now().Add(o.timeout)
	var failed []error
	for _, name := range names {
		// With none left, the others are looked at once: they may be as they should be.
		err := wait(ctx, c, name, max(0, time.Until(until)))
		if exitCode(err) != exitOK && exitCode(err) != exitFailed {
			return err
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// heldUntil says which hosts are on hold until when, for a hint; empty where none is.
func heldUntil(r *api.Rollout) string {
	for _, h := range r.Held {
		if !h.Until.IsZero() {
			return someOf(h.Hosts, fewHosts) + ": " + withLeft(cellText(h.Reason), time.Now()) + "; "
		}
	}
	return ""
}

// waitForRollout waits until a rollout is over, and prints it.
func (d *deps) waitForRollout(ctx context.Context, c *client.Client, name string, timeout time.Duration) error {
	now, version, err := rolloutAt(ctx, c, api.RolloutRequest{DaemonSet: name})
	if err != nil {
		return err
	}
	if timeout > 0 {
		f := follow{now: now, version: version, timeout: timeout}
		err = followRollout(ctx, c, f, func(r *api.Rollout) (bool, error) { now = r; return r.Done || r.Halted != nil, nil })
		if err != nil && !errors.Is(err, errTimedOut) {
			return err
		}
	}
	if err := halted(now); err != nil {
		return err
	}
	if !now.Done {
		return &exitError{
			code: exitFailed, err: fmt.Errorf("%w on daemonsets/%s", errTimedOut, nameOf(now.DaemonSet)),
			hint: heldUntil(now) + "dsctl rollout status " + now.DaemonSet + " says what it waits for",
		}
	}
	if err := rolledBack(now); err != nil {
		return err
	}
	return d.printMet(now, now.DaemonSet)
}

// printMet says that what was waited for is so.
func (d *deps) printMet(object any, daemonSet string) error {
	return d.print(view{object: object, names: []string{kubectlName(daemonSet)}, text: func(p page) error {
		p.printf("%s condition met\n", kubectlName(daemonSet))
		return nil
	}})
}

// waitForDelete waits until this host declares a DaemonSet no longer, and prints it as it was, if it was there.
func (d *deps) waitForDelete(ctx context.Context, c *client.Client, name string, timeout time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	last := &appsv1.DaemonSet{}
	last.Namespace, last.Name = defaultNamespace, name
	if namespace, rest, ok := strings.Cut(name, "/"); ok {
		last.Namespace, last.Name = namespace, rest
	}
	for {
		list, err := c.DaemonSets(ctx, client.Selection{})
		if err != nil {
			return err
		}
		now, err := declared(list.Items, name)
		switch {
		case err != nil:
			return err
		case now == nil:
			return d.printMet(last, last.Namespace+"/"+last.Name)
		}
		last, name = now, now.Namespace+"/"+now.Name
		err = untilDeleted(limited, c, now, list.ResourceVersion)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case limited.Err() != nil:
			return &exitError{
				code: exitFailed, err: fmt.Errorf("%w on daemonsets/%s", errTimedOut, last.Name),
				hint: "remove the DaemonSet from its spec file on this host; dsctl status -o wide names the file",
			}
		case err != nil && !errors.Is(err, client.ErrGone):
			return err
		}
	}
}

// declared finds a DaemonSet by NAMESPACE/NAME, or by NAME: that of the namespace default, or the only one of its name.
// Where there is none it is nil.
func declared(sets []appsv1.DaemonSet, name string) (*appsv1.DaemonSet, error) {
	var found []*appsv1.DaemonSet
	for i := range sets {
		switch ds := &sets[i]; name {
		case ds.Namespace + "/" + ds.Name:
			return ds, nil
		case ds.Name:
			if ds.Namespace == defaultNamespace {
				return ds, nil
			}
			found = append(found, ds)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	return nil, &exitError{
		code: exitFailed, err: fmt.Errorf("%d namespaces have a DaemonSet %s, and default has none", len(found), name),
		hint: "name it as NAMESPACE/NAME",
	}
}

// untilDeleted returns when a DaemonSet was deleted, or when that has to be looked at anew.
func untilDeleted(ctx context.Context, c *client.Client, ds *appsv1.DaemonSet, version string) error {
	sel := client.Selection{Namespace: ds.Namespace, FieldSelector: "metadata.name=" + fieldValue(ds.Name)}
	for ev, err := range client.Watch[appsv1.DaemonSet](ctx, c, registry.DaemonSets, sel, version) {
		switch {
		case err != nil:
			return err
		case ev.Type == watch.Deleted && ev.Object.Namespace == ds.Namespace && ev.Object.Name == ds.Name:
			return nil
		}
	}
	return ended(ctx)
}
