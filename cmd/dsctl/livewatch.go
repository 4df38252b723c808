package main

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// itemList is what there is, and the version from which a watch goes on.
type itemList[T any] struct {
	items   []T
	version string
}

// liveWatch is a watch with what it printed of each thing.
type liveWatch[T any] struct {
	// key is the same for one thing at all times; same: there is nothing to print of the way from one to the other.
	key  func(*T) string
	same func(old, now *T) bool
	// wants says whether a thing is among those that were asked for by name; nil means that all are.
	wants func(*T) bool
	list  func(context.Context) (itemList[T], error)
	// events gives what changes from a version on.
	events  func(ctx context.Context, version string) iter.Seq2[client.WatchEvent[T], error]
	out     *live[T]
	printed map[string]T
}

// object is a Kubernetes type by its pointer.
type object[T any] interface {
	*T
	metav1.Object
}

// watchObjects is a watch of Kubernetes objects.
func watchObjects[T any, P object[T]](
	c *client.Client, res registry.Resource, sel client.Selection, out *live[T],
) *liveWatch[T] {
	return &liveWatch[T]{
		key:  func(o *T) string { return P(o).GetNamespace() + "/" + P(o).GetName() },
		same: func(old, now *T) bool { return P(old).GetResourceVersion() == P(now).GetResourceVersion() },
		events: func(ctx context.Context, version string) iter.Seq2[client.WatchEvent[T], error] {
			return client.Watch[T](ctx, c, res, sel, version)
		},
		out: out,
	}
}

// item is a thing of the agent's own.
type item[T any] interface {
	WatchKey() string
	SameAs(o T) bool
}

// watchItems is a watch of things of the agent's own.
func watchItems[T item[T]](out *live[T]) *liveWatch[T] {
	return &liveWatch[T]{
		key:  func(it *T) string { return (*it).WatchKey() },
		same: func(old, now *T) bool { return (*old).SameAs(*now) },
		out:  out,
	}
}

// run prints the things and then what changes. When the agent has dropped what comes next, it goes on from what there
// is.
func (w *liveWatch[T]) run(ctx context.Context, now itemList[T]) error {
	w.printed = map[string]T{}
	if err := w.show(watch.Added, now.items...); err != nil {
		return err
	}
	for {
		err := w.follow(ctx, now.version)
		if !errors.Is(err, client.ErrGone) {
			return err
		}
		if now, err = w.list(ctx); err != nil {
			return unlessDone(ctx, err)
		}
		if err := w.catchUp(now.items); err != nil {
			return err
		}
	}
}

func (w *liveWatch[T]) show(change watch.EventType, items ...T) error {
	for i := range items {
		if key := w.key(&items[i]); change == watch.Deleted {
			delete(w.printed, key)
		} else {
			w.printed[key] = items[i]
		}
	}
	return w.out.show(change, items...)
}

func (w *liveWatch[T]) follow(ctx context.Context, version string) error {
	for ev, err := range w.events(ctx, version) {
		switch {
		case err != nil:
			return err
		case ev.Type == watch.Bookmark, w.wants != nil && !w.wants(&ev.Object), w.known(&ev):
			continue
		}
		if err := w.show(ev.Type, ev.Object); err != nil {
			return err
		}
	}
	return ended(ctx)
}

// known says that what an event brings has been printed: an agent of before resource versions begins with all that
// there is.
func (w *liveWatch[T]) known(ev *client.WatchEvent[T]) bool {
	old, printed := w.printed[w.key(&ev.Object)]
	return printed && ev.Type == watch.Added && w.same(&old, &ev.Object)
}

// catchUp prints what became of the things while nothing was heard of them.
func (w *liveWatch[T]) catchUp(items []T) error {
	gone := maps.Clone(w.printed)
	for i := range items {
		key := w.key(&items[i])
		old, known := gone[key]
		delete(gone, key)
		if known && w.same(&old, &items[i]) {
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
