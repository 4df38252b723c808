package registry

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// Object is a Kubernetes object with metadata.
type Object interface {
	runtime.Object
	metav1.Object
}

// Change is one step of a resource's history.
type Change struct {
	// Type is Added, Modified or Deleted.
	Type watch.EventType
	// Object is the object after the change; for Deleted, as it last was, with the version of the deletion. It is shared
	// and must not be changed.
	Object Object
	// Previous is the object before the change; nil for Added. Who watches with a selector needs it: an object that no
	// longer matches is gone for that watcher.
	Previous Object
	// Version is the resource version of the change.
	Version uint64
}

// Kind returns the group, version and kind of a resource's objects.
func Kind(res Resource) schema.GroupVersionKind {
	switch res {
	case Nodes:
		return corev1.SchemeGroupVersion.WithKind("Node")
	case DaemonSets:
		return appsv1.SchemeGroupVersion.WithKind("DaemonSet")
	case Pods:
		return corev1.SchemeGroupVersion.WithKind("Pod")
	case Events:
		return corev1.SchemeGroupVersion.WithKind("Event")
	default:
		return schema.GroupVersionKind{}
	}
}

type key struct{ namespace, name string }

func keyOf(obj Object) key { return key{obj.GetNamespace(), obj.GetName()} }

func compareKeys(a, b key) int {
	return cmp.Or(strings.Compare(a.namespace, b.namespace), strings.Compare(a.name, b.name))
}

// table is one resource. Its history is a ring: next is where the next change goes, and floor is the version of the
// latest change that is no longer in it.
type table struct {
	kind    schema.GroupVersionKind
	items   map[key]Object
	history []Change
	next    int
	limit   int
	floor   uint64
}

func newTable(res Resource, limit int, floor uint64) *table {
	return &table{kind: Kind(res), items: make(map[key]Object), limit: limit, floor: floor}
}

// replace makes objects the whole content and returns the version after it.
func (t *table) replace(objects []Object, version uint64, now time.Time) uint64 {
	wanted := make(map[key]Object, len(objects))
	for _, obj := range objects {
		wanted[keyOf(obj)] = obj
	}
	for _, k := range slices.SortedFunc(maps.Keys(t.items), compareKeys) {
		if _, ok := wanted[k]; !ok {
			version = t.remove(k, version)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(wanted), compareKeys) {
		version = t.put(wanted[k], version, now)
	}
	return version
}

// put adds or changes one object, and does nothing when it is as it was.
func (t *table) put(obj Object, version uint64, now time.Time) uint64 {
	k := keyOf(obj)
	old, exists := t.items[k]
	next := t.normalise(obj, old, now)
	if exists && equality.Semantic.DeepEqual(old, next) {
		return version
	}
	version++
	next.SetResourceVersion(strconv.FormatUint(version, 10))
	t.items[k] = next
	change := Change{Type: watch.Added, Object: next, Version: version}
	if exists {
		change.Type, change.Previous = watch.Modified, old
	}
	t.append(change)
	return version
}

// normalise copies obj and gives it what the registry is in charge of, taken from old where there is one.
func (t *table) normalise(obj, old Object, now time.Time) Object {
	next := clone(obj)
	next.GetObjectKind().SetGroupVersionKind(t.kind)
	next.SetResourceVersion("")
	created := metav1.NewTime(now.Truncate(time.Second))
	if old != nil {
		next.SetResourceVersion(old.GetResourceVersion())
		created = old.GetCreationTimestamp()
	}
	if stamp := next.GetCreationTimestamp(); stamp.IsZero() {
		next.SetCreationTimestamp(created)
	}
	return next
}

// clone copies an object. Every object that can get into a table is an Object, and so is its copy.
func clone(obj Object) Object {
	copied, _ := obj.DeepCopyObject().(Object)
	return copied
}

func (t *table) remove(k key, version uint64) uint64 {
	old := t.items[k]
	delete(t.items, k)
	version++
	last := clone(old)
	last.SetResourceVersion(strconv.FormatUint(version, 10))
	t.append(Change{Type: watch.Deleted, Object: last, Previous: old, Version: version})
	return version
}

func (t *table) append(c Change) {
	if len(t.history) < t.limit {
		t.history = append(t.history, c)
		return
	}
	t.floor = t.history[t.next].Version
	t.history[t.next] = c
	t.next = (t.next + 1) % t.limit
}

// since returns up to limit changes after a version, oldest first; false when the history does not reach back that far.
func (t *table) since(version uint64, limit int) ([]Change, bool) {
	if version < t.floor {
		return nil, false
	}
	n := len(t.history)
	at := func(i int) Change { return t.history[(t.next+i)%n] }
	low, high := 0, n
	for low < high {
		mid := (low + high) / 2
		if at(mid).Version > version {
			high = mid
		} else {
			low = mid + 1
		}
	}
	out := make([]Change, 0, min(n-low, limit))
	for i := low; i < n && len(out) < limit; i++ {
		out = append(out, at(i))
	}
	return out, true
}

func (t *table) list() []Object {
	out := make([]Object, 0, len(t.items))
	for _, k := range slices.SortedFunc(maps.Keys(t.items), compareKeys) {
		out = append(out, t.items[k])
	}
	return out
}
