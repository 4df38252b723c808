package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// watchPause is how long a watch of the fleet rests after what it has sent. Changes of that time come together, so that a
// fleet in turmoil costs a watch one look a second.
const watchPause = time.Second

// item is what can be watched without a history of changes: it is held against what was sent of it before.
type item[T any] interface {
	// WatchKey is the same for one thing at all times.
	WatchKey() string
	// SameAs tells whether there is nothing to say of the way to o.
	SameAs(o T) bool
}

// itemEvent is one line of a watch of items.
type itemEvent struct {
	Type   watch.EventType `json:"type"`
	Object any             `json:"object"`
}

// itemSource is where items come from: list gives them, and changed a channel that is closed when they change after it was
// called.
type itemSource[T any] struct {
	list    func(context.Context) ([]T, error)
	changed func() <-chan struct{}
}

// serveItems sends every item as ADDED, a BOOKMARK, and then what is added, modified and deleted, until the client has
// enough or the server stops. What changes back within a pause is never told.
func serveItems[T item[T]](s *Server, w http.ResponseWriter, r *http.Request, from itemSource[T]) error {
	if err := s.takeWatch(); err != nil {
		return err
	}
	defer func() { <-s.watches }()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	changed := from.changed()
	items, err := from.list(ctx)
	if err != nil {
		return err
	}
	out := newStream(w)
	out.w.WriteHeader(http.StatusOK)
	sent := map[string]T{}
	for first := true; ; first = false {
		if err := sendItems(out, sent, items, first); err != nil {
			return err
		}
		if !rest(ctx) || !wait(ctx, changed) {
			return nil
		}
		changed = from.changed()
		if items, err = from.list(ctx); err != nil {
			return out.fail(err)
		}
	}
}

// takeWatch takes one of the server's watches, which is given back by receiving from s.watches.
func (s *Server) takeWatch() error {
	if take(s.watches) {
		return nil
	}
	s.counts.rejected.Add(1)
	return Errorf(CodeTooMany, "the agent serves %d watches already", cap(s.watches)).
		WithRemedy("end some of them and try again")
}

func rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(watchPause):
		return true
	}
}

func wait(ctx context.Context, changed <-chan struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case <-changed:
		return true
	}
}

// sendItems sends what is different from sent, and brings sent up to date. The bookmark says that this was all there is, so
// that a client that knew of more knows that it is gone.
func sendItems[T item[T]](out *stream, sent map[string]T, items []T, bookmark bool) error {
	events := itemChanges(sent, items)
	if bookmark {
		events = append(events, itemEvent{watch.Bookmark, struct{}{}})
	}
	for _, ev := range events {
		if err := out.line(ev, false); err != nil {
			return err
		}
	}
	return out.flush()
}

// itemChanges is what leads from sent, which it brings up to date, to items: what is new or different in the order of
// items, then what is gone.
func itemChanges[T item[T]](sent map[string]T, items []T) []itemEvent {
	var events []itemEvent
	present := make(map[string]bool, len(items))
	for _, it := range items {
		key := it.WatchKey()
		present[key] = true
		old, known := sent[key]
		switch {
		case !known:
			events = append(events, itemEvent{watch.Added, it})
		case !old.SameAs(it):
			events = append(events, itemEvent{watch.Modified, it})
		}
		sent[key] = it
	}
	for _, key := range slices.Sorted(maps.Keys(sent)) {
		if !present[key] {
			events = append(events, itemEvent{watch.Deleted, sent[key]})
			delete(sent, key)
		}
	}
	return events
}

// fail tells a watcher that there is nothing more to tell, and why.
func (s *stream) fail(err error) error {
	p := asError(err)
	st := &metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(p.Status), Message: p.Detail,
	}
	return s.line(itemEvent{watch.Error, st}, true)
}
