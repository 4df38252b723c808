// Package registry is the versioned store of what the agent's API lists and watches: the Kubernetes objects Node,
// DaemonSet, Pod and Event as this host sees them. It is filled level-triggered: the agent hands over everything that is
// true now, and the registry finds out what that changes. Each change gets a resource version of its own, and the latest
// changes of each resource are kept, so that a reader that lists and then watches misses nothing.
//
// Readers pull. A watcher holds a place in the history and nothing else, so that a slow or forgotten one costs no memory
// and never blocks a writer: when the history has moved past its place it is told ErrGone and lists again.
package registry

import (
	"sync"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Resource names one kind of object as it stands in the API's paths.
type Resource string

// The resources of the registry.
const (
	Nodes      Resource = "nodes"
	DaemonSets Resource = "daemonsets"
	Pods       Resource = "pods"
	Events     Resource = "events"
)

// Resources is every resource, sorted.
func Resources() []Resource { return []Resource{DaemonSets, Events, Nodes, Pods} }

const (
	// DefaultHistoryLimit is how many changes of a resource are kept.
	DefaultHistoryLimit = 1024
	// DefaultEventLimit is how many events are kept.
	DefaultEventLimit = 1000
)

// Config says how much is kept. The zero value is usable.
type Config struct {
	// HistoryLimit is how many changes of each resource are kept for watchers; 0 means DefaultHistoryLimit.
	HistoryLimit int
	// EventLimit is how many events are kept, the one that occurred longest ago going first; 0 means DefaultEventLimit.
	EventLimit int
	// FirstVersion is the resource version before the first change; 0 means the milliseconds of the Unix time. With the
	// clock a version that an earlier process gave out is always older than the history, and so is answered with ErrGone
	// and not with the wrong changes.
	FirstVersion uint64
	// Component is the source of recorded events; empty means "daemonsetd".
	Component string
	// Host is the node's name in the source of recorded events.
	Host string
}

// Registry holds the objects. Its methods may be called from several goroutines.
type Registry struct {
	cfg Config

	mu      sync.RWMutex
	version uint64
	tables  map[Resource]*table
	events  recorder
	// changed is closed and replaced when something changes.
	changed chan struct{}

	gone atomic.Uint64
}

// New makes an empty registry.
func New(cfg Config) *Registry {
	cfg = withDefaults(cfg)
	r := &Registry{
		cfg:     cfg,
		version: cfg.FirstVersion,
		tables:  make(map[Resource]*table),
		events:  newRecorder(),
		changed: make(chan struct{}),
	}
	for _, res := range Resources() {
		r.tables[res] = newTable(res, cfg.HistoryLimit, cfg.FirstVersion)
	}
	return r
}

func withDefaults(cfg Config) Config {
	if cfg.HistoryLimit <= 0 {
		cfg.HistoryLimit = DefaultHistoryLimit
	}
	if cfg.EventLimit <= 0 {
		cfg.EventLimit = DefaultEventLimit
	}
	if cfg.FirstVersion == 0 {
		cfg.FirstVersion = uint64(max(time.Now().UnixMilli(), 1))
	}
	if cfg.Component == "" {
		cfg.Component = "daemonsetd"
	}
	return cfg
}

// SetNodes makes the given nodes all the nodes there are. An object that differs from what is held, its resource version
// apart, becomes a change; one that is held and not given is deleted. The arguments are copied. An object without a
// creationTimestamp gets the time at which it was first seen. The same holds for SetDaemonSets and SetPods.
func (r *Registry) SetNodes(nodes []*corev1.Node) { r.replace(Nodes, asObjects(nodes)) }

// PatchNodes puts the given nodes and removes those of the given names; all others stay as they are. It costs as much as what
// it changes, and is for fleets of thousands.
func (r *Registry) PatchNodes(changed []*corev1.Node, gone []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, now, t := r.version, time.Now(), r.tables[Nodes]
	for _, name := range gone {
		if k := (key{"", name}); t.items[k] != nil {
			r.version = t.remove(k, r.version)
		}
	}
	for _, n := range changed {
		r.version = t.put(n, r.version, now)
	}
	r.wake(before)
}

// SetDaemonSets makes the given DaemonSets all the DaemonSets there are; see SetNodes.
func (r *Registry) SetDaemonSets(sets []*appsv1.DaemonSet) { r.replace(DaemonSets, asObjects(sets)) }

// SetPods makes the given pods all the pods there are; see SetNodes.
func (r *Registry) SetPods(pods []*corev1.Pod) { r.replace(Pods, asObjects(pods)) }

func asObjects[T Object](in []T) []Object {
	out := make([]Object, len(in))
	for i, obj := range in {
		out[i] = obj
	}
	return out
}

func (r *Registry) replace(res Resource, objects []Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.version
	r.version = r.tables[res].replace(objects, r.version, time.Now())
	r.wake(before)
}

// wake tells the watchers when the version has moved since before. The caller holds mu.
func (r *Registry) wake(before uint64) {
	if r.version == before {
		return
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// List returns the objects of a resource, sorted by namespace and name, and the resource version at which this is the
// whole truth: a Watch from there misses nothing. The objects are shared and must not be changed. An unknown resource
// has no objects.
func (r *Registry) List(res Resource) ([]Object, uint64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	t, ok := r.tables[res]
	if !ok {
		return nil, r.version
	}
	return t.list(), r.version
}

// Stats counts what the registry holds and what it had to drop.
type Stats struct {
	// Version is the latest resource version.
	Version uint64
	// Objects is how many objects are held, by resource.
	Objects map[Resource]int
	// WatchersGone is how many times a watcher asked for a version that is no longer, or not yet, in the history.
	WatchersGone uint64
	// EventsDropped is how many events were dropped to keep to the limit.
	EventsDropped uint64
}

// Stats returns the counts.
func (r *Registry) Stats() Stats {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := Stats{
		Version:       r.version,
		Objects:       make(map[Resource]int, len(r.tables)),
		WatchersGone:  r.gone.Load(),
		EventsDropped: r.events.dropped,
	}
	for res, t := range r.tables {
		s.Objects[res] = len(t.items)
	}
	return s
}
