package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// daemonSetWatch is a watch of DaemonSets with what it printed of each, by namespace and name.
type daemonSetWatch struct {
	*daemonSetLister
	out     *live[appsv1.DaemonSet]
	printed map[string]appsv1.DaemonSet
}

// watch prints the DaemonSets and then what changes. When the agent has dropped what comes next, it goes on from what there
// is.
func (l *daemonSetLister) watch(ctx context.Context, list *appsv1.DaemonSetList) error {
	out, err := newLive(l.d, l.listing())
	if err != nil {
		return err
	}
	w := &daemonSetWatch{daemonSetLister: l, out: out, printed: map[string]appsv1.DaemonSet{}}
	if err := w.show(watch.Added, list.Items...); err != nil {
		return err
	}
	for {
		err := w.follow(ctx, list.ResourceVersion)
		if !errors.Is(err, client.ErrGone) {
			return err
		}
		if list, _, err = l.list(ctx); err != nil {
			return unlessDone(ctx, err)
		}
		if err := w.catchUp(list.Items); err != nil {
			return err
		}
	}
}

func keyOf(ds *appsv1.DaemonSet) string { return ds.Namespace + "/" + ds.Name }

func (w *daemonSetWatch) show(change watch.EventType, sets ...appsv1.DaemonSet) error {
	for i := range sets {
		if change == watch.Deleted {
			delete(w.printed, keyOf(&sets[i]))
		} else {
			w.printed[keyOf(&sets[i])] = sets[i]
		}
	}
	return w.out.show(change, sets...)
}

func (w *daemonSetWatch) follow(ctx context.Context, version string) error {
	for ev, err := range client.Watch[appsv1.DaemonSet](ctx, w.client, registry.DaemonSets, w.selection, version) {
		if err != nil {
			return err
		}
		if !w.wants(ev.Object.Name) {
			continue
		}
		if err := w.show(ev.Type, ev.Object); err != nil {
			return err
		}
	}
	return ended(ctx)
}

// catchUp prints what became of the DaemonSets while nothing was heard of them.
func (w *daemonSetWatch) catchUp(sets []appsv1.DaemonSet) error {
	gone := maps.Clone(w.printed)
	for _, ds := range sets {
		old, known := gone[keyOf(&ds)]
		delete(gone, keyOf(&ds))
		if known && old.ResourceVersion == ds.ResourceVersion {
			continue
		}
		if err := w.show(watch.Modified, ds); err != nil {
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
