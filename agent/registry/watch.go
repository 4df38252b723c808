package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"k8s.io/apimachinery/pkg/watch"
)

var (
	// ErrGone is returned when the history does not have what follows the version that was asked for: it is too old, or
	// it was given out by another process. The reader lists again. HTTP calls it 410 Gone.
	ErrGone = errors.New("resource version is not in the history any more; list again and watch from there")
	// ErrUnknownResource is returned for a Resource that the registry does not have.
	ErrUnknownResource = errors.New("unknown resource")
)

// watchBatch is how many changes a watcher takes at a time, so that it does not hold the lock for long.
const watchBatch = 64

// Watcher is a place in the history of one resource. It is for one goroutine. It holds no resource: one that is not
// needed any more is simply dropped.
type Watcher struct {
	registry *Registry
	resource Resource
	version  uint64
	pending  []Change
}

// Watch starts to watch a resource from the given version on, which List or an earlier change gave out. With 0 it first
// gives an Added for every object that there is, as Kubernetes does. The error is ErrGone or ErrUnknownResource.
func (r *Registry) Watch(res Resource, since uint64) (*Watcher, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	t, ok := r.tables[res]
	if !ok {
		return nil, fmt.Errorf("watching %q: %w", res, ErrUnknownResource)
	}
	w := &Watcher{registry: r, resource: res, version: since}
	if since == 0 {
		w.version = r.version
		for _, obj := range t.list() {
			w.pending = append(w.pending, Change{Type: watch.Added, Object: obj, Version: r.version})
		}
		return w, nil
	}
	if since < t.floor || since > r.version {
		r.gone.Add(1)
		return nil, fmt.Errorf("watching %s from version %d: %w", res, since, ErrGone)
	}
	return w, nil
}

// Next waits for the next change. The error is ErrGone when the watcher was too slow, else the context's cause.
func (w *Watcher) Next(ctx context.Context) (Change, error) {
	for {
		if len(w.pending) > 0 {
			c := w.pending[0]
			w.pending = w.pending[1:]
			return c, nil
		}
		changed, err := w.fill()
		if err != nil {
			return Change{}, err
		}
		if len(w.pending) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return Change{}, context.Cause(ctx)
		case <-changed:
		}
	}
}

// fill takes the next changes from the history and returns the channel that is closed when there are more.
func (w *Watcher) fill() (<-chan struct{}, error) {
	r := w.registry
	r.mu.RLock()
	defer r.mu.RUnlock()
	pending, ok := r.tables[w.resource].since(w.version, watchBatch)
	if !ok {
		r.gone.Add(1)
		return nil, fmt.Errorf("watching %s from version %d: %w", w.resource, w.version, ErrGone)
	}
	w.pending = pending
	if n := len(pending); n > 0 {
		w.version = pending[n-1].Version
	}
	return r.changed, nil
}

// All gives the changes one after the other until the context ends or the watcher is told ErrGone; that error comes
// last, with a zero Change.
func (w *Watcher) All(ctx context.Context) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for {
			c, err := w.Next(ctx)
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// Buffered is how many changes Next has at hand without looking at the registry.
func (w *Watcher) Buffered() int { return len(w.pending) }
