package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

type podsOptions struct {
	watch, all, labels  bool
	namespace, selector string
}

func newGetPodsCommand(d *deps) *cobra.Command {
	var o podsOptions
	cmd := &cobra.Command{
		Use:     "pods [NAME...]",
		Aliases: []string{"pod", "po"},
		Short:   "List the pods of this host",
		Long: long(`List the pods of this host's kubelet in kubectl's columns, those of DaemonSets and all others. Values of environment
variables that do not stand in a DaemonSet's template are hidden.

As with kubectl, the namespace is default where neither -n nor -A says otherwise. Pods of other hosts are listed
there; dsctl fleet and dsctl rollout status -o wide show how each stands.`,
			online("a pod does not exist, or it failed")),
		Example: example("dsctl get pods -A", "dsctl get pods -n kube-system -l app=web -o wide", "dsctl get pods -A -w"),
		RunE:    d.verb(func(ctx context.Context, args []string) error { return d.runGetPods(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completePods
	flags := cmd.Flags()
	flags.BoolVarP(&o.watch, "watch", "w", false, "go on showing pods as they change")
	flags.BoolVarP(&o.all, "all-namespaces", "A", false, "those of all namespaces")
	flags.StringVarP(&o.namespace, "namespace", "n", defaultNamespace, "those of this namespace")
	_ = cmd.RegisterFlagCompletionFunc("namespace", d.completeNamespaces)
	flags.StringVarP(&o.selector, "selector", "l", "", "only pods with these labels, such as tier=front,app!=b")
	flags.BoolVar(&o.labels, "show-labels", false, "show the labels in the last column")
	return cmd
}

func (d *deps) runGetPods(ctx context.Context, o podsOptions, args []string) error {
	l := d.pods(nil, client.Selection{Namespace: o.namespace, LabelSelector: o.selector})
	l.all, l.labels = o.all, o.labels
	if err := l.named(withoutPodKinds(args)); err != nil {
		return err
	}
	return l.show(ctx, o.watch)
}

// pods lists the pods of this host.
func (d *deps) pods(c *client.Client, sel client.Selection) *lister[corev1.Pod, *corev1.Pod] {
	return &lister[corev1.Pod, *corev1.Pod]{d: d, client: c, selection: sel, kind: kind[corev1.Pod]{
		resource: registry.Pods,
		ask: func(ctx context.Context, c *client.Client, sel client.Selection) (answer[corev1.Pod], error) {
			list, err := c.Pods(ctx, sel)
			if err != nil {
				return answer[corev1.Pod]{}, err
			}
			return answer[corev1.Pod]{list, &list.Items, list.ResourceVersion}, nil
		},
		columns: podListing,
		absent: func(namespace, names string) string {
			return fmt.Sprintf("namespace %s has no pod %s on this host", namespace, names)
		},
		hint: "dsctl get pods -A lists those of this host; those of another one are listed there",
	}}
}

// withoutPodKinds are the arguments of which kubectl's pod/NAME is NAME.
func withoutPodKinds(args []string) []string {
	names := make([]string, 0, len(args))
	for _, arg := range args {
		names = append(names, withoutPodKind(arg))
	}
	return names
}

// withoutPodKind is NAME of kubectl's pod/NAME.
func withoutPodKind(arg string) string {
	if kind, rest, ok := strings.Cut(arg, "/"); ok && slices.Contains([]string{"po", "pod", "pods"}, kind) {
		return rest
	}
	return arg
}

// podListing has kubectl's columns (printPod in pkg/printers/internalversion/printers.go).
func podListing(namespaces, wide bool) listing[corev1.Pod] {
	l := listing[corev1.Pod]{
		header: []string{"NAME", "READY", "STATUS", "RESTARTS", "AGE"},
		name:   func(p *corev1.Pod) string { return "pod/" + p.Name },
		none:   "No resources found",
	}
	if wide {
		l.header = append(l.header, "IP", "NODE")
	}
	if namespaces {
		l.header = append([]string{"NAMESPACE"}, l.header...)
	}
	l.cells = func(p *corev1.Pod, change watch.EventType) []string {
		s := summarize(p)
		if change == watch.Deleted {
			s.status = "Deleted"
		}
		cells := []string{p.Name, fmt.Sprintf("%d/%d", s.ready, s.containers), s.status, s.restartsText(), age(podStart(p))}
		if wide {
			cells = append(cells, p.Status.PodIP, p.Spec.NodeName)
		}
		if namespaces {
			cells = append([]string{p.Namespace}, cells...)
		}
		return cells
	}
	return l
}

// podStart is when the kubelet took the pod up: it keeps no time of creation of a static pod.
func podStart(p *corev1.Pod) time.Time {
	if p.Status.StartTime != nil {
		return p.Status.StartTime.Time
	}
	return p.CreationTimestamp.Time
}

// podSummary is what kubectl's row says of a pod.
type podSummary struct {
	ready, containers int
	restarts          int64
	restarted         time.Time
	status            string
}

func (s podSummary) restartsText() string {
	if s.restarts > 0 && !s.restarted.IsZero() {
		return fmt.Sprintf("%d (%s ago)", s.restarts, age(s.restarted))
	}
	return fmt.Sprint(s.restarts)
}

// summarize is the words of kubectl's STATUS: what an init container waits for or ended with, else what a container
// does, else the reason or the phase. Restarts are those of all containers: kubectl leaves init containers out once
// they are done, and a pod that loops in one has no others.
func summarize(p *corev1.Pod) podSummary {
	s := podSummary{containers: len(p.Spec.Containers), status: string(p.Status.Phase)}
	if p.Status.Reason != "" {
		s.status = p.Status.Reason
	}
	for i := range p.Status.InitContainerStatuses {
		s.restart(&p.Status.InitContainerStatuses[i])
	}
	for i := range p.Status.ContainerStatuses {
		c := &p.Status.ContainerStatuses[i]
		s.restart(c)
		if c.Ready {
			s.ready++
		}
	}
	if word := initWord(p); word != "" {
		s.status = word
	} else {
		for i := range p.Status.ContainerStatuses {
			if word := stateWord(p.Status.ContainerStatuses[i].State); word != "" {
				s.status = word
				break
			}
		}
	}
	if p.DeletionTimestamp != nil {
		s.status = "Terminating"
	}
	return s
}

func (s *podSummary) restart(c *corev1.ContainerStatus) {
	s.restarts += int64(c.RestartCount)
	if t := c.LastTerminationState.Terminated; t != nil && t.FinishedAt.After(s.restarted) {
		s.restarted = t.FinishedAt.Time
	}
}

// initWord is what the first init container that is not done does.
func initWord(p *corev1.Pod) string {
	restartable := map[string]bool{}
	for _, c := range p.Spec.InitContainers {
		restartable[c.Name] = c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	}
	for i := range p.Status.InitContainerStatuses {
		c := &p.Status.InitContainerStatuses[i]
		switch {
		case c.State.Terminated != nil && c.State.Terminated.ExitCode == 0,
			restartable[c.Name] && c.Started != nil && *c.Started:
			continue
		case stateWord(c.State) != "" && stateWord(c.State) != "PodInitializing":
			return "Init:" + stateWord(c.State)
		}
		return fmt.Sprintf("Init:%d/%d", i, len(p.Spec.InitContainers))
	}
	return ""
}

// stateWord is why a container does not run; empty where it runs.
func stateWord(s corev1.ContainerState) string {
	switch {
	case s.Waiting != nil:
		return s.Waiting.Reason
	case s.Terminated == nil:
		return ""
	case s.Terminated.Reason != "":
		return s.Terminated.Reason
	case s.Terminated.Signal != 0:
		return fmt.Sprintf("Signal:%d", s.Terminated.Signal)
	default:
		return fmt.Sprintf("ExitCode:%d", s.Terminated.ExitCode)
	}
}

// completePods completes names of this host's pods as NAMESPACE/NAME.
func (d *deps) completePods(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, ctx, cancel := d.quick(cmd.Context())
	defer cancel()
	defer c.Close()
	list, err := c.Pods(ctx, client.Selection{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Namespace+"/"+list.Items[i].Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
