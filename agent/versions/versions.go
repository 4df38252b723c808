// Package versions is what everything that the API lists and watches is kept in: a table of things of one kind, with a
// version for each change and the latest changes, so that whoever lists and then watches from the version of the list
// misses nothing. It is filled level-triggered: the table is given all that is true now, and finds out what that
// changes.
//
// Readers pull. A watcher holds a place in the history and nothing else, so that a slow or forgotten one costs no
// memory and never blocks who writes: when the history has moved past its place it is told ErrGone and lists again.
//
// It is the mechanism of Kubernetes' API server (list, watch, resource versions, bookmarks, 410 Gone) without anything
// that is Kubernetes': agent/registry keeps the objects of Kubernetes in it, agent/api what is this project's own.
package versions

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/watch"
)

// ErrGone is returned when the history does not have what follows the version that was asked for: it is too old, or it
// was given out by another process. The reader lists again. HTTP calls it 410 Gone.
var ErrGone = errors.New("resource version is not in the history any more; list again and watch from there")

// DefaultLimit is how many changes of a table are kept where nothing else is said.
const DefaultLimit = 1024

// Counter gives out versions, each once. Tables that share one have one order of all their changes. It may be used by
// several goroutines.
type Counter struct{ last atomic.Uint64 }

// NewCounter makes a counter whose first version is the one after last. With the milliseconds of the Unix time a
// version that an earlier process gave out is always older than the history, and so is answered with ErrGone and not
// with the wrong changes.
func NewCounter(last uint64) *Counter {
	c := new(Counter)
	c.last.Store(last)
	return c
}

// Now is the latest version.
func (c *Counter) Now() uint64 { return c.last.Load() }

func (c *Counter) next() uint64 { return c.last.Add(1) }

// Change is one step of a table's history.
type Change[T any] struct {
	// Type is Added, Modified or Deleted; or Bookmark, which has a version alone.
	Type watch.EventType
	// Object is the thing after the change; for Deleted, as it last was, with the version of the deletion. It is shared
	// and must not be changed.
	Object T
	// Previous is the thing before the change; the zero value for Added. Who watches with a selector needs it: a thing
	// that no longer matches is gone for that watcher.
	Previous T
	// Version is that of the change.
	Version uint64
}

// Kind says what a table has to know of its things. Key and Same are required.
type Kind[T any] struct {
	// Name is what errors call the things, such as pods.
	Name string
	// Key is the same for one thing at all times. Lists are sorted by it.
	Key func(T) string
	// Same tells whether there is nothing to tell of the way from one to the other.
	Same func(old, next T) bool
	// Own makes what is kept of what is given; old is what is kept under that key now, the zero value for nothing. Nil
	// keeps what is given.
	Own func(given, old T) T
	// Stamp writes the version into a thing that Own has made; nil where things do not carry it. It needs Own.
	Stamp func(own T, version uint64)
	// Limit is how many changes are kept for watchers; 0 means DefaultLimit.
	Limit int
}

// Table is all things of one kind with their latest changes. Make it with New. Its methods may be called from several
// goroutines.
type Table[T any] struct {
	kind    Kind[T]
	counter *Counter
	gone    atomic.Uint64

	mu    sync.RWMutex
	items map[string]T
	// history is a ring: next is where the next change goes, and floor is the version of the latest change that is no
	// longer in it.
	history []Change[T]
	next    int
	floor   uint64
	// changed is closed and replaced when something changes.
	changed chan struct{}
}

// New makes an empty table.
func New[T any](counter *Counter, kind Kind[T]) *Table[T] {
	if kind.Limit <= 0 {
		kind.Limit = DefaultLimit
	}
	return &Table[T]{
		kind: kind, counter: counter, floor: counter.Now(),
		items: make(map[string]T), changed: make(chan struct{}),
	}
}

// Replace makes things all that there are, and returns the version at which that is the whole truth. One that differs
// from what is held becomes a change; one that is held and not given is deleted.
func (t *Table[T]) Replace(things []T) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanted := make(map[string]T, len(things))
	for _, thing := range things {
		wanted[t.kind.Key(thing)] = thing
	}
	before := t.counter.Now()
	for _, key := range slices.Sorted(maps.Keys(t.items)) {
		if _, ok := wanted[key]; !ok {
			t.remove(key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		t.put(wanted[key])
	}
	return t.wake(before)
}

// Patch puts the given things and removes those of the given keys; all others stay as they are. It returns the version
// at which that is so. It costs as much as what it changes.
func (t *Table[T]) Patch(things []T, gone ...string) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.counter.Now()
	for _, key := range gone {
		if _, ok := t.items[key]; ok {
			t.remove(key)
		}
	}
	for _, thing := range things {
		t.put(thing)
	}
	return t.wake(before)
}

// Clear forgets all things and the history, to give back what they take. Nobody is told of a deletion: a watcher from
// before is told ErrGone.
func (t *Table[T]) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.counter.Now()
	t.items, t.history, t.next, t.floor = make(map[string]T), nil, 0, t.counter.next()
	t.wake(before)
}

// wake tells the watchers when the version has moved since before, and returns it. The caller holds mu.
func (t *Table[T]) wake(before uint64) uint64 {
	now := t.counter.Now()
	if now != before { // it may have been another table's change: then it is looked for nothing
		close(t.changed)
		t.changed = make(chan struct{})
	}
	return now
}

// put adds or changes one thing. One that is the same has no new version; what it says besides is kept.
func (t *Table[T]) put(given T) {
	key := t.kind.Key(given)
	old, exists := t.items[key]
	next := given
	if t.kind.Own != nil {
		next = t.kind.Own(given, old)
	}
	t.items[key] = next
	if exists && t.kind.Same(old, next) {
		return
	}
	change := Change[T]{Type: watch.Added, Object: next, Version: t.stamp(next)}
	if exists {
		change.Type, change.Previous = watch.Modified, old
	}
	t.append(change)
}

func (t *Table[T]) stamp(own T) uint64 {
	version := t.counter.next()
	if t.kind.Stamp != nil {
		t.kind.Stamp(own, version)
	}
	return version
}

func (t *Table[T]) remove(key string) {
	old := t.items[key]
	delete(t.items, key)
	last := old
	if t.kind.Own != nil {
		last = t.kind.Own(old, old)
	}
	t.append(Change[T]{Type: watch.Deleted, Object: last, Previous: old, Version: t.stamp(last)})
}

func (t *Table[T]) append(c Change[T]) {
	if len(t.history) < t.kind.Limit {
		t.history = append(t.history, c)
		return
	}
	t.floor = t.history[t.next].Version
	t.history[t.next] = c
	t.next = (t.next + 1) % t.kind.Limit
}

// since returns up to limit changes after a version, oldest first; false when the history does not reach back that far.
func (t *Table[T]) since(version uint64, limit int) ([]Change[T], bool) {
	if version < t.floor {
		return nil, false
	}
	n := len(t.history)
	at := func(i int) Change[T] { return t.history[(t.next+i)%n] }
	low, high := 0, n
	for low < high {
		mid := (low + high) / 2
		if at(mid).Version > version {
			high = mid
		} else {
			low = mid + 1
		}
	}
	out := make([]Change[T], 0, min(n-low, limit))
	for i := low; i < n && len(out) < limit; i++ {
		out = append(out, at(i))
	}
	return out, true
}

// List returns the things sorted by key, and the version at which this is the whole truth: a Watch from there misses
// nothing. The things are shared and must not be changed.
func (t *Table[T]) List() ([]T, uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.list(), t.counter.Now()
}

func (t *Table[T]) list() []T {
	out := make([]T, 0, len(t.items))
	for _, key := range slices.Sorted(maps.Keys(t.items)) {
		out = append(out, t.items[key])
	}
	return out
}

// Len is how many things there are.
func (t *Table[T]) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.items)
}

// Gone is how many times a watcher asked for a version that is no longer, or not yet, in the history.
func (t *Table[T]) Gone() uint64 { return t.gone.Load() }

// watchBatch is how many changes a watcher takes at a time, so that it does not hold the lock for long.
const watchBatch = 64

// Watcher is a place in the history of one table. It is for one goroutine. It holds no resource: one that is not needed
// any more is simply dropped.
type Watcher[T any] struct {
	table   *Table[T]
	version uint64
	pending []Change[T]
}

// Watch starts to watch from the given version on, which List or an earlier change gave out. With 0 it first gives an
// Added for every thing that there is, as Kubernetes does. The error is ErrGone.
func (t *Table[T]) Watch(since uint64) (*Watcher[T], error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	w := &Watcher[T]{table: t, version: since}
	now := t.counter.Now()
	if since == 0 {
		w.version = now
		for _, thing := range t.list() {
			w.pending = append(w.pending, Change[T]{Type: watch.Added, Object: thing, Version: now})
		}
		return w, nil
	}
	if since < t.floor || since > now {
		return nil, t.tooLate(since)
	}
	return w, nil
}

func (t *Table[T]) tooLate(version uint64) error {
	t.gone.Add(1)
	return fmt.Errorf("watching %s from version %d: %w", t.kind.Name, version, ErrGone)
}

// Bookmark has the watcher give a Bookmark after what it has at hand: after a Watch from 0, that this was all there is.
func (w *Watcher[T]) Bookmark() {
	w.pending = append(w.pending, Change[T]{Type: watch.Bookmark, Version: w.version})
}

// Next waits for the next change. The error is ErrGone when the watcher was too slow, else the context's cause.
func (w *Watcher[T]) Next(ctx context.Context) (Change[T], error) {
	for {
		if len(w.pending) > 0 {
			c := w.pending[0]
			w.pending = w.pending[1:]
			return c, nil
		}
		changed, err := w.fill()
		if err != nil {
			return Change[T]{}, err
		}
		if len(w.pending) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return Change[T]{}, context.Cause(ctx)
		case <-changed:
		}
	}
}

// fill takes the next changes from the history and returns the channel that is closed when there are more.
func (w *Watcher[T]) fill() (<-chan struct{}, error) {
	t := w.table
	t.mu.RLock()
	defer t.mu.RUnlock()
	pending, ok := t.since(w.version, watchBatch)
	if !ok {
		return nil, t.tooLate(w.version)
	}
	w.pending = pending
	if n := len(pending); n > 0 {
		w.version = pending[n-1].Version
	}
	return t.changed, nil
}

// All gives the changes one after the other until the context ends or the watcher is told ErrGone; that error comes
// last, with a zero Change.
func (w *Watcher[T]) All(ctx context.Context) iter.Seq2[Change[T], error] {
	return func(yield func(Change[T], error) bool) {
		for {
			c, err := w.Next(ctx)
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// Buffered is how many changes Next has at hand without looking at the table.
func (w *Watcher[T]) Buffered() int { return len(w.pending) }
