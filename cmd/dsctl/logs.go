package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

type logsOptions struct {
	namespace, container         string
	follow, previous, timestamps bool
	tail                         int64
	since                        time.Duration
}

func newLogsCommand(d *deps) *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:   "logs POD|ds/NAME [-c CONTAINER]",
		Short: "Print the log of a pod of this host",
		Long: long(`Print the log of a container of one of this host's pods, as the kubelet has it. A pod is NAME or NAMESPACE/NAME;
ds/NAME and ds/NAMESPACE/NAME mean the pod that the DaemonSet has here. Without -c it is the only container, or the
one that the annotation kubectl.kubernetes.io/default-container names.

Logs can hold secrets: root alone may read them. At most 64 MiB are printed of a log that is not followed. Logs of pods
on other hosts are read there.`, online("there is no such pod, container or log, or it failed")),
		Example: example("dsctl logs kube-system/web-lcv7nc65w8-edge-1", "dsctl logs ds/web -f --tail 20",
			"dsctl logs ds/kube-system/web --previous"),
		Args: exactlyOne("one pod: NAME, NAMESPACE/NAME or ds/NAME"),
		RunE: d.verb(func(ctx context.Context, args []string) error { return d.runLogs(ctx, o, args[0]) }),
	}
	cmd.ValidArgsFunction = d.completePods
	flags := cmd.Flags()
	flags.StringVarP(&o.namespace, "namespace", "n", "", "namespace of the pod or DaemonSet; empty means default")
	_ = cmd.RegisterFlagCompletionFunc("namespace", d.completeNamespaces)
	flags.StringVarP(&o.container, "container", "c", "", "which container")
	flags.BoolVarP(&o.follow, "follow", "f", false, "go on as the log grows")
	flags.BoolVarP(&o.previous, "previous", "p", false, "the log of the container before its last restart")
	flags.BoolVar(&o.timestamps, "timestamps", false, "begin each line with when it was written")
	flags.Int64Var(&o.tail, "tail", -1, "how many lines of the end; -1 means all")
	flags.DurationVar(&o.since, "since", 0, "only lines that are no older than this, such as 5m; 0 means all")
	return cmd
}

func (d *deps) runLogs(ctx context.Context, o logsOptions, arg string) error {
	switch {
	case d.output != formatText:
		return usagef("a log is text, it has no form %q", d.output)
	case o.since < 0 || o.since > 0 && o.since < time.Second:
		return usagef("--since %s: want a second or more", o.since)
	case o.tail < -1:
		return usagef("--tail %d: want a number of lines, or -1 for all", o.tail)
	}
	c := d.client()
	defer c.Close()
	namespace, pod, err := d.podOf(ctx, c, o.namespace, arg)
	if err != nil {
		return err
	}
	body, err := c.Logs(ctx, api.LogRequest{
		Namespace: namespace, Pod: pod, Container: o.container, Follow: o.follow, Previous: o.previous,
		Timestamps: o.timestamps, Tail: o.tail, Since: o.since,
	})
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	n, err := io.Copy(d.out, body)
	if !o.follow && n >= client.MaxLog {
		d.warnf("the log was cut after %d MiB; --since and --tail choose a part of it", client.MaxLog>>20)
	}
	if err != nil {
		return unlessDone(ctx, fmt.Errorf("reading the log: %w", err))
	}
	return nil
}

// podOf is the pod that an argument means.
func (d *deps) podOf(ctx context.Context, c *client.Client, namespace, arg string) (ns, name string, err error) {
	kind, rest, ok := strings.Cut(arg, "/")
	if !ok || !isDaemonSetKind(kind) {
		l := d.pods(c, client.Selection{Namespace: namespace})
		if err := l.named([]string{withoutPodKind(arg)}); err != nil {
			return "", "", err
		}
		if l.selection.Namespace == "" {
			l.selection.Namespace = defaultNamespace
		}
		return l.selection.Namespace, l.names[0], nil
	}
	set, err := oneDaemonSet(namespace, []string{rest})
	if err != nil {
		return "", "", err
	}
	now, _, err := rolloutAt(ctx, c, api.RolloutRequest{DaemonSet: set})
	if err != nil {
		return "", "", err
	}
	if now.Self.Pod == "" {
		return "", "", &exitError{
			code: exitFailed, err: errors.New("DaemonSet " + now.DaemonSet + " has no pod on this host"),
			hint: "dsctl explain " + now.DaemonSet,
		}
	}
	ns, _, _ = strings.Cut(now.DaemonSet, "/")
	return ns, now.Self.Pod, nil
}
