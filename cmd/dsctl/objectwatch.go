package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// object is a Kubernetes type by its pointer.
type object[T any] interface {
	*T
	metav1.Object
}

// objectWatch is a watch of Kubernetes objects with what it printed of each, by namespace and name.
type objectWatch[T any, P object[T]] struct {
	client    *client.Client
	resource  registry.Resource
	selection client.Selection
	// wants says whether an object is among those that were asked for by name.
	wants func(name string) bool
	// list gives what there is, and the version from which a watch goes on.
	list    func(ctx context.Context) (items []T, version string, err error)
	out     *live[T]
	printed map[string]T
}

// run prints the objects and then what changes. When the agent has dropped what comes next, it goes on from what there is.
func (w *objectWatch[T, P]) run(ctx context.Context, items []T, version string) error {
	w.printed = map[string]T{}
	if err := w.show(watch.Added, items...); err != nil {
		return err
	}
	for {
		err := w.follow(ctx, version)
		if !errors.Is(err, client.ErrGone) {
			return err
		}
		if items, version, err = w.list(ctx); err != nil {
			return unlessDone(ctx, err)
		}
		if err := w.catchUp(items); err != nil {
			return err
		}
	}
}

func (w *objectWatch[T, P]) show(change watch.EventType, items ...T) error {
	for i := range items {
		if key := keyOf[T, P](&items[i]); change == watch.Deleted {
			delete(w.printed, key)
		} else {
			w.printed[key] = items[i]
		}
	}
	return w.out.show(change, items...)
}

func (w *objectWatch[T, P]) follow(ctx context.Context, version string) error {
	for ev, err := range client.Watch[T](ctx, w.client, w.resource, w.selection, version) {
		if err != nil {
			return err
		}
		if !w.wants(P(&ev.Object).GetName()) {
			continue
		}
		if err := w.show(ev.Type, ev.Object); err != nil {
			return err
		}
	}
	return ended(ctx)
}

// catchUp prints what became of the objects while nothing was heard of them.
func (w *objectWatch[T, P]) catchUp(items []T) error {
	gone := maps.Clone(w.printed)
	for i := range items {
		key := keyOf[T, P](&items[i])
		old, known := gone[key]
		delete(gone, key)
		if known && P(&old).GetResourceVersion() == P(&items[i]).GetResourceVersion() {
			continue
		}
		if err := w.show(watch.Modified, items[i]); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(gone)) {
		if err := w.show(watch.Deleted, gone[key]); err != nil {
			return err
		}
	}
	return nil
}

func keyOf[T any, P object[T]](o P) string { return o.GetNamespace() + "/" + o.GetName() }
