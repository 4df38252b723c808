// Package registry is the versioned store of what the agent's API lists and watches: the Kubernetes objects Node,
// DaemonSet, Pod and Event as this host sees them. It is filled level-triggered: the agent hands over everything that
// is true now, and the registry finds out what that changes. Each change gets a resource version of its own; how they
// are kept, listed and watched is that of package versions.
package registry

import (
	"errors"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/versions"
)

// ErrUnknownResource is returned for a Resource that the registry does not have.
var ErrUnknownResource = errors.New("unknown resource")

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
	DefaultHistoryLimit = versions.DefaultLimit
	// DefaultEventLimit is how many events are kept.
	DefaultEventLimit = 1000
)

// Config says how much is kept. The zero value is usable.
type Config struct {
	// HistoryLimit is how many changes of each resource are kept for watchers; 0 means DefaultHistoryLimit.
	HistoryLimit int
	// EventLimit is how many events are kept, the one that occurred longest ago going first; 0 means DefaultEventLimit.
	EventLimit int
	// FirstVersion is the resource version before the first change; 0 means the milliseconds of the Unix time.
	FirstVersion uint64
	// Component is the source of recorded events; empty means "daemonsetd".
	Component string
	// Host is the node's name in the source of recorded events.
	Host string
}

// Registry holds the objects. Its methods may be called from several goroutines.
type Registry struct {
	cfg     Config
	counter *versions.Counter
	tables  map[Resource]*versions.Table[Object]

	// mu is for events, and held until the table has them, so that their order is the same.
	mu     sync.Mutex
	events recorder
}

// New makes an empty registry.
func New(cfg Config) *Registry {
	cfg = withDefaults(cfg)
	r := &Registry{
		cfg:     cfg,
		counter: versions.NewCounter(cfg.FirstVersion),
		tables:  make(map[Resource]*versions.Table[Object]),
		events:  newRecorder(),
	}
	for _, res := range Resources() {
		r.tables[res] = newTable(res, r.counter, cfg.HistoryLimit)
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

// SetNodes makes the given nodes all the nodes there are. An object that differs from what is held, its resource
// version apart, becomes a change; one that is held and not given is deleted. The arguments are copied. An object
// without a creationTimestamp gets the time at which it was first seen. The same holds for SetDaemonSets and SetPods.
func (r *Registry) SetNodes(nodes []*corev1.Node) { r.tables[Nodes].Replace(asObjects(nodes)) }

// PatchNodes puts the given nodes and removes those of the given names; all others stay as they are. It costs as much
// as what it changes, and is for fleets of thousands.
func (r *Registry) PatchNodes(changed []*corev1.Node, gone []string) {
	keys := make([]string, len(gone))
	for i, name := range gone {
		keys[i] = key("", name)
	}
	r.tables[Nodes].Patch(asObjects(changed), keys...)
}

// SetDaemonSets makes the given DaemonSets all the DaemonSets there are; see SetNodes.
func (r *Registry) SetDaemonSets(sets []*appsv1.DaemonSet) {
	r.tables[DaemonSets].Replace(asObjects(sets))
}

// SetPods makes the given pods all the pods there are; see SetNodes.
func (r *Registry) SetPods(pods []*corev1.Pod) { r.tables[Pods].Replace(asObjects(pods)) }

func asObjects[T Object](in []T) []Object {
	out := make([]Object, len(in))
	for i, obj := range in {
		out[i] = obj
	}
	return out
}

// Counter gives out the resource versions. Who keeps a table of its own beside the registry takes them from there, so
// that no version stands for two changes.
func (r *Registry) Counter() *versions.Counter { return r.counter }

// List returns the objects of a resource, sorted by namespace and name, and the resource version at which this is the
// whole truth: a Watch from there misses nothing. The objects are shared and must not be changed. An unknown resource
// has no objects.
func (r *Registry) List(res Resource) ([]Object, uint64) {
	t, ok := r.tables[res]
	if !ok {
		return nil, r.counter.Now()
	}
	return t.List()
}

// Watch starts to watch a resource from the given version on, which List or an earlier change gave out. With 0 it first
// gives an Added for every object that there is, as Kubernetes does. The error is versions.ErrGone or
// ErrUnknownResource.
func (r *Registry) Watch(res Resource, since uint64) (*Watcher, error) {
	t, ok := r.tables[res]
	if !ok {
		return nil, fmt.Errorf("watching %q: %w", res, ErrUnknownResource)
	}
	return t.Watch(since)
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
	s := Stats{Version: r.counter.Now(), Objects: make(map[Resource]int, len(r.tables))}
	for res, t := range r.tables {
		s.Objects[res] = t.Len()
		s.WatchersGone += t.Gone()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.EventsDropped = r.events.dropped
	return s
}
