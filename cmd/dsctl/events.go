package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

type eventOptions struct {
	watch     bool
	namespace string
	warnings  bool
}

func newEventsCommand(d *deps) *cobra.Command {
	var o eventOptions
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened on this host",
		Long: long(`Show the agent's events, the oldest first. It keeps a bounded number of them, and none across a restart.`,
			online("it failed")),
		Example: example("dsctl events", "dsctl events -w --warnings"),
		Args:    noArgs,
		RunE:    d.verb(func(ctx context.Context, _ []string) error { return d.runEvents(ctx, o) }),
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on showing events as they happen")
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "", "only events of this namespace; empty means all")
	_ = cmd.RegisterFlagCompletionFunc("namespace", d.completeNamespaces)
	cmd.Flags().BoolVar(&o.warnings, "warnings", false, "only events of type Warning")
	return cmd
}

// newGetEventsCommand is the same where who knows kubectl looks for it.
func newGetEventsCommand(d *deps) *cobra.Command {
	cmd := newEventsCommand(d)
	cmd.Aliases = []string{"event", "ev"}
	cmd.Example = example("dsctl get events", "dsctl get events -n kube-system -w")
	// All namespaces are the default: nothing else happens on one host.
	cmd.Flags().BoolP("all-namespaces", "A", false, "those of all namespaces, as without -n")
	cmd.MarkFlagsMutuallyExclusive("all-namespaces", "namespace")
	return cmd
}

func (o eventOptions) selection() client.Selection {
	sel := client.Selection{Namespace: o.namespace}
	if o.warnings {
		sel.FieldSelector = "type=" + corev1.EventTypeWarning
	}
	return sel
}

func (d *deps) runEvents(ctx context.Context, o eventOptions) error {
	c := d.client()
	defer c.Close()
	list, err := c.Events(ctx, o.selection())
	if err != nil {
		return err
	}
	sortEvents(list.Items)
	if err := sortItems(d.sortBy, list.Items); err != nil {
		return err
	}
	if !o.watch {
		return d.printEvents(list)
	}
	return d.watchEvents(ctx, c, o, list)
}

// sortEvents puts the oldest first, and returns what it got.
func sortEvents(events []corev1.Event) []corev1.Event {
	slices.SortStableFunc(events, func(a, b corev1.Event) int { return compareEvents(&a, &b) })
	return events
}

func compareEvents(a, b *corev1.Event) int {
	return cmp.Or(a.LastTimestamp.Compare(b.LastTimestamp.Time), cmp.Compare(a.ResourceVersion, b.ResourceVersion))
}

func (d *deps) printEvents(list *corev1.EventList) error {
	v := view{object: list, rows: rowsOf(list.Items), text: func(p page) error {
		if len(list.Items) == 0 {
			p.notef("there are no events")
			return nil
		}
		t := p.table("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE")
		for i := range list.Items {
			t.add(eventCells(p, &list.Items[i])...)
		}
		return t.write(p, p.width)
	}}
	for _, e := range list.Items {
		v.names = append(v.names, "event/"+e.Name)
	}
	return d.print(v)
}

// eventCells has kubectl's columns.
func eventCells(p page, e *corev1.Event) []string {
	seen := age(e.LastTimestamp.Time)
	if e.Count > 1 {
		seen += fmt.Sprintf(" (x%d over %s)", e.Count, age(e.FirstTimestamp.Time))
	}
	object := e.InvolvedObject.Kind + "/" + e.InvolvedObject.Name
	if e.InvolvedObject.Namespace != "" {
		object = e.InvolvedObject.Kind + "/" + e.InvolvedObject.Namespace + "/" + e.InvolvedObject.Name
	}
	return []string{seen, e.Type, e.Reason, object, e.Message}
}

// watchEvents prints the events there are and then each one as it happens. When the agent has dropped what comes next,
// it starts anew from what there is, and says so.
func (d *deps) watchEvents(ctx context.Context, c *client.Client, o eventOptions, list *corev1.EventList) error {
	for {
		for i := range list.Items {
			if err := d.printEvent(&list.Items[i]); err != nil {
				return err
			}
		}
		err := d.followEvents(ctx, c, o, list.ResourceVersion)
		if !errors.Is(err, client.ErrGone) {
			return err
		}
		d.warnf("events were missed; these are the ones that there are now")
		if list, err = c.Events(ctx, o.selection()); err != nil {
			return err
		}
	}
}

func (d *deps) followEvents(ctx context.Context, c *client.Client, o eventOptions, version string) error {
	for ev, err := range client.Watch[corev1.Event](ctx, c, registry.Events, o.selection(), version) {
		if err != nil {
			return err
		}
		if ev.Type == watch.Deleted {
			continue
		}
		if err := d.printEvent(&ev.Object); err != nil {
			return err
		}
	}
	return ended(ctx)
}

func (d *deps) printEvent(e *corev1.Event) error {
	return d.print(view{object: e, names: []string{"event/" + e.Name}, text: func(p page) error {
		cells := eventCells(p, e)
		for i, cell := range cells {
			cells[i] = cellText(cell)
		}
		p.printf("%s\n", cut(fmt.Sprintf("%-20s  %-7s  %-24s  %-32s  %s",
			cells[0], cells[1], cells[2], cells[3], cells[4]), p.width))
		return nil
	}})
}
