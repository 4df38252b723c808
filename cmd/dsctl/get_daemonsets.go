package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	l := &daemonSetLister{
		d: d, all: o.all, labels: o.labels,
		selection: client.Selection{Namespace: o.namespace, LabelSelector: o.selector},
	}
	if o.all {
		l.selection.Namespace = ""
	}
	if err := l.named(args); err != nil {
		return err
	}
	if o.selector != "" && len(l.names) > 0 {
		return usagef("a name cannot be given together with a selector")
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
	if o.watch && missing == nil {
		return l.watch(ctx, list)
	}
	if len(list.Items) == 0 && missing != nil {
		return missing
	}
	return errors.Join(d.print(l.view(list)), missing)
}

// daemonSetLister lists and watches the DaemonSets that were asked for.
type daemonSetLister struct {
	d         *deps
	client    *client.Client
	all       bool
	labels    bool
	names     []string
	selection client.Selection
}

// named takes names: NAME..., or one NAMESPACE/NAME.
func (l *daemonSetLister) named(args []string) error {
	if len(args) > 0 && l.all {
		return usagef("a resource cannot be retrieved by name across all namespaces")
	}
	for _, arg := range args {
		namespace, name, ok := strings.Cut(arg, "/")
		switch {
		case !ok:
			l.names = append(l.names, arg)
		case len(args) == 1 && namespace != "" && name != "":
			l.selection.Namespace, l.names = namespace, []string{name}
		default:
			return usagef("%q: want NAME..., with -n for the namespace, or one NAMESPACE/NAME", arg)
		}
	}
	return nil
}

// list gives the DaemonSets, and an error that names those that do not exist.
func (l *daemonSetLister) list(ctx context.Context) (list *appsv1.DaemonSetList, missing, err error) {
	list, err = l.client.DaemonSets(ctx, l.selection)
	if err != nil {
		return nil, nil, err
	}
	if err := sortItems(l.d.sortBy, list.Items); err != nil {
		return nil, nil, err
	}
	if len(l.names) == 0 {
		return list, nil, nil
	}
	list.Items = slices.DeleteFunc(list.Items, func(ds appsv1.DaemonSet) bool { return !l.wants(ds.Name) })
	return list, l.missing(list.Items), nil
}

func (l *daemonSetLister) wants(name string) bool {
	return len(l.names) == 0 || slices.Contains(l.names, name)
}

func (l *daemonSetLister) missing(found []appsv1.DaemonSet) error {
	var missing []string
	for _, name := range l.names {
		if !slices.ContainsFunc(found, func(ds appsv1.DaemonSet) bool { return ds.Name == name }) {
			missing = append(missing, fmt.Sprintf("%q", name))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &exitError{
		code: exitFailed, err: fmt.Errorf("namespace %s has no DaemonSet %s", l.selection.Namespace,
			strings.Join(missing, ", ")),
		hint: "dsctl get ds -A lists all that this host declares",
	}
}

func (l *daemonSetLister) listing() listing[appsv1.DaemonSet] {
	out := daemonSetListing(l.all, l.d.output == formatWide)
	if !l.all {
		out.none = fmt.Sprintf("No resources found in %s namespace; -A lists those of all namespaces", l.selection.Namespace)
	}
	if l.labels {
		out = out.withLabels(func(ds *appsv1.DaemonSet) map[string]string { return ds.Labels })
	}
	return out
}

// view is the list, or the DaemonSet itself where one was asked for by name, as with kubectl.
func (l *daemonSetLister) view(list *appsv1.DaemonSetList) view {
	v := l.listing().view(list, list.Items)
	if len(l.names) == 1 && len(list.Items) == 1 {
		v.object = &list.Items[0]
	}
	return v
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

// watch prints the DaemonSets and then what changes.
func (l *daemonSetLister) watch(ctx context.Context, list *appsv1.DaemonSetList) error {
	out, err := newLive(l.d, l.listing())
	if err != nil {
		return err
	}
	w := watchObjects(l.client, registry.DaemonSets, l.selection, out)
	w.wants = func(ds *appsv1.DaemonSet) bool { return l.wants(ds.Name) }
	w.list = func(ctx context.Context) (itemList[appsv1.DaemonSet], error) {
		list, _, err := l.list(ctx)
		if err != nil {
			return itemList[appsv1.DaemonSet]{}, err
		}
		return itemList[appsv1.DaemonSet]{list.Items, list.ResourceVersion}, nil
	}
	return w.run(ctx, itemList[appsv1.DaemonSet]{list.Items, list.ResourceVersion})
}
