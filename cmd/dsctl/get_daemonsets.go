package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

type daemonSetsOptions struct {
	watch, all, labels  bool
	namespace, selector string
}

func newGetDaemonSetsCommand(d *deps) *cobra.Command {
	var o daemonSetsOptions
	cmd := &cobra.Command{
		Use:     "daemonsets [NAME...]",
		Aliases: []string{"daemonset", "ds"},
		Short:   "List the DaemonSets with their counts over the fleet",
		Long: long(`List the DaemonSets that this host declares, in kubectl's columns. The counts are over all hosts that declare them,
as far as this host knows; while gossip is off, over this host alone. AGE counts from when this host first saw the
DaemonSet declared.

As with kubectl, the namespace is default where neither -n nor -A says otherwise.`,
			online("a DaemonSet does not exist, or it failed")),
		Example: example("dsctl get ds -A", "dsctl get ds web -n kube-system -o wide", "dsctl get ds -A -w"),
		RunE:    d.verb(func(ctx context.Context, args []string) error { return d.runGetDaemonSets(ctx, o, args) }),
	}
	cmd.ValidArgsFunction = d.completeDaemonSets
	flags := cmd.Flags()
	flags.BoolVarP(&o.watch, "watch", "w", false, "go on showing DaemonSets as they change")
	flags.BoolVarP(&o.all, "all-namespaces", "A", false, "those of all namespaces")
	flags.StringVarP(&o.namespace, "namespace", "n", defaultNamespace, "those of this namespace")
	_ = cmd.RegisterFlagCompletionFunc("namespace", d.completeNamespaces)
	flags.StringVarP(&o.selector, "selector", "l", "", "only DaemonSets with these labels, such as tier=front,app!=b")
	flags.BoolVar(&o.labels, "show-labels", false, "show the labels in the last column")
	return cmd
}

func (d *deps) runGetDaemonSets(ctx context.Context, o daemonSetsOptions, args []string) error {
	l := &lister[appsv1.DaemonSet, *appsv1.DaemonSet]{
		kind: daemonSets(), d: d, all: o.all, labels: o.labels,
		selection: client.Selection{Namespace: o.namespace, LabelSelector: o.selector},
	}
	if err := l.named(args); err != nil {
		return err
	}
	return l.show(ctx, o.watch)
}

func daemonSets() kind[appsv1.DaemonSet] {
	return kind[appsv1.DaemonSet]{
		resource: registry.DaemonSets,
		ask: func(ctx context.Context, c *client.Client, sel client.Selection) (answer[appsv1.DaemonSet], error) {
			list, err := c.DaemonSets(ctx, sel)
			if err != nil {
				return answer[appsv1.DaemonSet]{}, err
			}
			return answer[appsv1.DaemonSet]{list, &list.Items, list.ResourceVersion}, nil
		},
		columns: daemonSetListing,
		absent: func(namespace, names string) string {
			return fmt.Sprintf("namespace %s has no DaemonSet %s", namespace, names)
		},
		hint: "dsctl get ds -A lists all that this host declares",
	}
}

// daemonSetListing has kubectl's columns (printDaemonSet in pkg/printers/internalversion/printers.go).
func daemonSetListing(namespaces, wide bool) listing[appsv1.DaemonSet] {
	l := listing[appsv1.DaemonSet]{
		header: []string{"NAME", "DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AVAILABLE", "NODE SELECTOR", "AGE"},
		name:   func(ds *appsv1.DaemonSet) string { return "daemonset.apps/" + ds.Name },
		none:   "No resources found",
	}
	if wide {
		l.header = append(l.header, "CONTAINERS", "IMAGES", "SELECTOR")
	}
	if namespaces {
		l.header = append([]string{"NAMESPACE"}, l.header...)
	}
	l.cells = func(ds *appsv1.DaemonSet, change watch.EventType) []string {
		cells := daemonSetRow(ds)
		if change == watch.Deleted {
			cells[1] = "Deleted"
		}
		if wide {
			cells = append(cells, daemonSetWide(ds)...)
		}
		if namespaces {
			cells = append([]string{ds.Namespace}, cells...)
		}
		return cells
	}
	return l
}

func daemonSetRow(ds *appsv1.DaemonSet) []string {
	st := ds.Status
	cells := []string{ds.Name}
	for _, n := range []int32{
		st.DesiredNumberScheduled, st.CurrentNumberScheduled, st.NumberReady,
		st.UpdatedNumberScheduled, st.NumberAvailable,
	} {
		cells = append(cells, fmt.Sprint(n))
	}
	return append(cells, labels.FormatLabels(ds.Spec.Template.Spec.NodeSelector), age(ds.CreationTimestamp.Time))
}

func daemonSetWide(ds *appsv1.DaemonSet) []string {
	var names, images []string
	for _, c := range ds.Spec.Template.Spec.Containers {
		names, images = append(names, c.Name), append(images, c.Image)
	}
	return []string{strings.Join(names, ","), strings.Join(images, ","), metav1.FormatLabelSelector(ds.Spec.Selector)}
}
