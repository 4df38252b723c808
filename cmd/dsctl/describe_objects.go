package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

func newDescribeDaemonSetCommand(d *deps) *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:     "daemonset NAME",
		Aliases: []string{"daemonsets", "ds"},
		Short:   "Show what is known of a DaemonSet, and what happened to it here",
		Long: long(`Show a DaemonSet of this host as kubectl describe does: its labels, counts over the fleet, containers, where its
rollout stands, and this host's events of it and of its pods.

DAEMONSET is NAME, NAMESPACE/NAME or ds/NAME. This is for people to read; programs use dsctl get ds NAME -o json.`,
			online("there is no such DaemonSet, or it failed")),
		Example: example("dsctl describe ds kube-system/web"),
		Args:    daemonSetArgs,
		RunE: d.verb(func(ctx context.Context, args []string) error {
			return d.runDescribeDaemonSet(ctx, namespace, args)
		}),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	d.addNamespaceFlag(cmd, &namespace)
	return cmd
}

// forPeople refuses the forms for programs.
func (d *deps) forPeople(instead string) error {
	if d.output != formatText && d.output != formatWide {
		return usagef("describe is for people to read; use dsctl get %s -o %s", instead, d.output)
	}
	return nil
}

func (d *deps) runDescribeDaemonSet(ctx context.Context, namespace string, args []string) error {
	name, err := oneDaemonSet(namespace, args)
	if err != nil {
		return err
	}
	if err := d.forPeople("ds " + name); err != nil {
		return err
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	// Of a name without a namespace the agent says whose it is.
	now, _, err := rolloutAt(ctx, c, api.RolloutRequest{DaemonSet: name})
	if err != nil {
		return err
	}
	ns, short, _ := strings.Cut(now.DaemonSet, "/")
	list, err := c.DaemonSets(ctx, client.Selection{Namespace: ns, FieldSelector: "metadata.name=" + fieldValue(short)})
	if err != nil {
		return err
	}
	if len(list.Items) != 1 {
		return fmt.Errorf("the agent knows %s named %q", count(len(list.Items), "DaemonSet"), now.DaemonSet)
	}
	events, err := c.Events(ctx, client.Selection{Namespace: ns})
	if err != nil {
		return err
	}
	ours := slices.DeleteFunc(events.Items, func(e corev1.Event) bool {
		return !ofDaemonSetOrItsPod(&e.InvolvedObject, short)
	})
	p := page{Writer: d.out, streams: d.streams}
	describeDaemonSet(p, &list.Items[0], now)
	return printNodeEvents(p, sortEvents(ours))
}

// ofDaemonSetOrItsPod tells whether an event is of the DaemonSet, or of a pod that has its name.
func ofDaemonSetOrItsPod(o *corev1.ObjectReference, name string) bool {
	rest, ours := strings.CutPrefix(o.Name, name+"-")
	return o.Kind == "DaemonSet" && o.Name == name || o.Kind == "Pod" && ours && len(rest) > 10 && rest[10] == '-'
}

func describeDaemonSet(p page, ds *appsv1.DaemonSet, r *api.Rollout) {
	st := ds.Status
	printFields(p, "", []field{
		{"Name", []string{ds.Name}},
		{"Namespace", []string{ds.Namespace}},
		{"Created", []string{longTime(ds.CreationTimestamp.Time) + " (" + age(ds.CreationTimestamp.Time) + " ago)"}},
		{"Generation", []string{fmt.Sprint(ds.Generation)}},
		{"Selector", []string{metav1.FormatLabelSelector(ds.Spec.Selector)}},
		{"Node-Selector", pairs(ds.Spec.Template.Spec.NodeSelector, "=")},
		{"Labels", pairs(ds.Labels, "=")},
		{"Annotations", pairs(ds.Annotations, ": ")},
		{"Update Strategy", []string{r.Strategy}},
		{"Desired Number of Nodes Scheduled", []string{fmt.Sprint(st.DesiredNumberScheduled)}},
		{"Current Number of Nodes Scheduled", []string{fmt.Sprint(st.CurrentNumberScheduled)}},
		{"Number of Nodes Scheduled with Up-to-date Pods", []string{fmt.Sprint(st.UpdatedNumberScheduled)}},
		{"Number of Nodes Scheduled with Available Pods", []string{fmt.Sprint(st.NumberAvailable)}},
		{"Number of Nodes Misscheduled", []string{fmt.Sprint(st.NumberMisscheduled)}},
	})
	p.printf("Pod Template:\n")
	printFields(p, "  ", []field{
		{"Labels", pairs(ds.Spec.Template.Labels, "=")},
		{"Service Account", nonEmpty(ds.Spec.Template.Spec.ServiceAccountName)},
	})
	describeContainers(p, "Init Containers", ds.Spec.Template.Spec.InitContainers, nil)
	describeContainers(p, "Containers", ds.Spec.Template.Spec.Containers, nil)
	p.printf("Rollout:\n")
	for _, line := range rolloutLines(r) {
		p.printf("  %s\n", line)
	}
}

// describeContainers prints containers, with their states where there are any.
func describeContainers(p page, title string, containers []corev1.Container, states []corev1.ContainerStatus) {
	if len(containers) == 0 {
		return
	}
	p.printf("%s:\n", title)
	for i := range containers {
		c := &containers[i]
		p.printf("  %s:\n", cellText(c.Name))
		fields := []field{{"Image", []string{c.Image}}}
		if words := slices.Concat(c.Command, c.Args); len(words) > 0 {
			fields = append(fields, field{"Command", words})
		}
		var ports []string
		for _, port := range c.Ports {
			ports = append(ports, fmt.Sprintf("%d/%s", port.ContainerPort, port.Protocol))
		}
		if len(ports) > 0 {
			fields = append(fields, field{"Ports", []string{strings.Join(ports, ", ")}})
		}
		for j := range states {
			if states[j].Name == c.Name {
				fields = append(fields, stateFields(&states[j])...)
			}
		}
		var mounts []string
		for _, m := range c.VolumeMounts {
			mode := "rw"
			if m.ReadOnly {
				mode = "ro"
			}
			mounts = append(mounts, fmt.Sprintf("%s from %s (%s)", m.MountPath, m.Name, mode))
		}
		printFields(p, "    ", append(fields, field{"Mounts", mounts}))
	}
}

func stateFields(s *corev1.ContainerStatus) []field {
	out := []field{{"State", stateTexts(s.State)}}
	if s.LastTerminationState != (corev1.ContainerState{}) {
		out = append(out, field{"Last State", stateTexts(s.LastTerminationState)})
	}
	return append(out, field{"Ready", []string{fmt.Sprint(s.Ready)}},
		field{"Restart Count", []string{fmt.Sprint(s.RestartCount)}})
}

func stateTexts(s corev1.ContainerState) []string {
	switch {
	case s.Running != nil:
		return []string{"Running since " + longTime(s.Running.StartedAt.Time)}
	case s.Waiting != nil:
		return append([]string{"Waiting: " + orNone(s.Waiting.Reason)}, nonEmpty(s.Waiting.Message)...)
	case s.Terminated != nil:
		t := s.Terminated
		return append([]string{
			fmt.Sprintf("Terminated: %s, exit code %d", orNone(t.Reason), t.ExitCode),
			"from " + longTime(t.StartedAt.Time) + " to " + longTime(t.FinishedAt.Time),
		}, nonEmpty(t.Message)...)
	}
	return []string{"Waiting"}
}

func newDescribePodCommand(d *deps) *cobra.Command {
	namespace := ""
	cmd := &cobra.Command{
		Use:     "pod NAME...",
		Aliases: []string{"pods", "po"},
		Short:   "Show what is known of a pod of this host",
		Long: long(`Show a pod of this host as kubectl describe does: its containers with their states, conditions and events. Values of
environment variables are not shown.

A pod is NAME, with -n for the namespace, or NAMESPACE/NAME. This is for people to read; programs use dsctl get pods
NAME -o json.`, online("a pod does not exist on this host, or it failed")),
		Example: example("dsctl describe pod kube-system/web-lcv7nc65w8-edge-1"),
		Args:    atLeastOne("the NAME of a pod"),
		RunE: d.verb(func(ctx context.Context, args []string) error {
			return d.runDescribePods(ctx, namespace, args)
		}),
	}
	cmd.ValidArgsFunction = d.completePods
	cmd.Flags().StringVarP(&namespace, "namespace", "n", defaultNamespace, "namespace of the pods")
	_ = cmd.RegisterFlagCompletionFunc("namespace", d.completeNamespaces)
	return cmd
}

func (d *deps) runDescribePods(ctx context.Context, namespace string, names []string) error {
	if err := d.forPeople("pods " + strings.Join(names, " ")); err != nil {
		return err
	}
	l := d.pods(nil, client.Selection{Namespace: namespace})
	if err := l.named(withoutPodKinds(names)); err != nil {
		return err
	}
	var err error
	if l.client, err = d.settled(ctx); err != nil {
		return err
	}
	defer l.client.Close()
	list, missing, err := l.list(ctx)
	if err != nil {
		return err
	}
	p := page{Writer: d.out, streams: d.streams}
	for i := range *list.items {
		if i > 0 {
			p.printf("\n\n")
		}
		pod := &(*list.items)[i]
		events, err := l.client.Events(ctx, client.Selection{
			Namespace: pod.Namespace, FieldSelector: "involvedObject.kind=Pod,involvedObject.name=" + fieldValue(pod.Name),
		})
		if err != nil {
			return err
		}
		describePod(p, pod)
		if err := printNodeEvents(p, sortEvents(events.Items)); err != nil {
			return err
		}
	}
	return missing
}

func describePod(p page, pod *corev1.Pod) {
	st := pod.Status
	var ips []string
	for _, ip := range st.PodIPs {
		ips = append(ips, ip.IP)
	}
	fields := []field{
		{"Name", []string{pod.Name}},
		{"Namespace", []string{pod.Namespace}},
		{"Node", []string{pod.Spec.NodeName}},
		{"Start Time", []string{longTime(podStart(pod))}},
		{"Labels", pairs(pod.Labels, "=")},
		{"Annotations", pairs(pod.Annotations, ": ")},
		{"Status", []string{summarize(pod).status}},
	}
	for _, extra := range []field{{"Reason", nonEmpty(st.Reason)}, {"Message", nonEmpty(st.Message)}} {
		if len(extra.values) > 0 {
			fields = append(fields, extra)
		}
	}
	printFields(p, "", append(fields, field{"IPs", ips}))
	describeContainers(p, "Init Containers", pod.Spec.InitContainers, st.InitContainerStatuses)
	describeContainers(p, "Containers", pod.Spec.Containers, st.ContainerStatuses)
	var conditions []field
	for _, c := range st.Conditions {
		text := string(c.Status)
		if c.Message != "" || c.Reason != "" {
			text += " (" + strings.Trim(c.Reason+": "+c.Message, ": ") + ")"
		}
		conditions = append(conditions, field{string(c.Type), []string{text}})
	}
	printGroup(p, "Conditions", conditions)
}
