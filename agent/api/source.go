package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/versions"
)

const (
	// watchPause is how long a watch of what the agent lists rests between two looks. Changes of that time come
	// together, so that a fleet in turmoil costs a watch one look a second.
	watchPause = time.Second
	// keepListed is how long what was listed is kept for a watch that begins where the list ended. Of a large fleet it
	// is megabytes, and on most hosts nobody watches.
	keepListed = time.Minute
	// itemChanges is how many changes are kept for watchers of such things; largeChanges where each is a list of all
	// hosts.
	itemChanges  = 256
	largeChanges = 4
)

// item is a thing of this project's own that can be watched.
type item[T any] interface {
	// WatchKey is the same for one thing at all times.
	WatchKey() string
	// SameAs tells whether there is nothing to say of the way to o.
	SameAs(o T) bool
}

// source makes a table of what the backend can only list, for as long as somebody reads it: each list is held against
// what was there before, and what differs gets a version. Make it with newSource. It may be used by several goroutines.
type source[T item[T]] struct {
	table *versions.Table[T]
	kind  metav1.TypeMeta
	// changed gives a channel that is closed when what is listed changes after the call.
	changed func() <-chan struct{}

	// filling is held from the list to the table, so that what is older is not put in the place of what is newer. No
	// round of the agent waits for it.
	filling sync.Mutex

	mu      sync.Mutex
	readers int
	idle    *time.Timer
}

func newSource[T item[T]](
	counter *versions.Counter, kind string, limit int, changed func() <-chan struct{},
) *source[T] {
	return &source[T]{kind: typeMeta(kind), changed: changed, table: versions.New(counter, versions.Kind[T]{
		Name: kind, Key: T.WatchKey, Same: T.SameAs, Limit: limit,
	})}
}

// read keeps what is in the table until done is called, and for a while.
func (s *source[T]) read() (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers++
	if s.idle != nil {
		s.idle.Stop()
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.readers--; s.readers == 0 {
			s.idle = time.AfterFunc(keepListed, s.forget)
		}
	}
}

func (s *source[T]) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == 0 {
		s.table.Clear()
	}
}

// listOf is the answer to GET of such things.
type listOf[L any, T any] interface {
	*L
	object
	// items are the things in it.
	items() *[]T
	// SetResourceVersion is that of metav1.ListMeta.
	SetResourceVersion(version string)
}

func (o *MemberList) items() *[]Member     { return &o.Items }
func (o *SpecFileList) items() *[]SpecFile { return &o.Items }
func (o *RolloutList) items() *[]Rollout   { return &o.Items }

// asked is what one request wants of a source.
type asked[L, T any] struct {
	// list asks the backend.
	list func(context.Context) (*L, error)
	// wants says which things of all are wanted. It is for a list that gives all.
	wants func(T) bool
	// part: list gives only what is wanted, so that nothing follows for the others. What it gives first is what is
	// watched.
	part bool
}

// serveItems lists or watches what is asked of a source.
func serveItems[T item[T], L any, P listOf[L, T]](
	s *Server, w http.ResponseWriter, r *http.Request, req watchRequest, from *source[T], of asked[L, T],
) error {
	defer from.read()()
	changed := from.changed()
	got, version, err := fill[T, L, P](r.Context(), from, of)
	if err != nil {
		return err
	}
	if of.part {
		of.wants = among(*P(got).items())
	}
	if !req.watch {
		out := *got
		items := P(&out).items()
		*items = notNil(slices.DeleteFunc(slices.Clone(*items), func(it T) bool { return !of.wants(it) }))
		P(&out).SetResourceVersion(strconv.FormatUint(version, 10))
		extendWrite(w, requestTimeout)
		return respond(w, P(&out))
	}
	// Clients of before resource versions go by the bookmark, and did not ask for it.
	req.bookmarks = true
	return serveWatch(s, w, r, req, watched[T]{
		begin: from.table.Watch, kind: from.kind,
		event: func(c versions.Change[T]) (watch.EventType, bool) { return c.Type, of.wants(c.Object) },
		fill:  func(ctx context.Context) error { return follow[T, L, P](ctx, from, of, changed) },
	})
}

// fill brings the table up to date, and returns what the backend lists with the version of the table.
func fill[T item[T], L any, P listOf[L, T]](ctx context.Context, s *source[T], of asked[L, T]) (*L, uint64, error) {
	s.filling.Lock()
	defer s.filling.Unlock()
	got, err := of.list(ctx)
	if err != nil {
		return nil, 0, err
	}
	if of.part {
		return got, s.table.Patch(*P(got).items()), nil
	}
	return got, s.table.Replace(*P(got).items()), nil
}

// among says whether a thing is one of those.
func among[T item[T]](items []T) func(T) bool {
	keys := map[string]bool{}
	for _, it := range items {
		keys[it.WatchKey()] = true
	}
	return func(it T) bool { return keys[it.WatchKey()] }
}

// follow fills the table anew when something has changed since the channel was given out, until the context ends.
func follow[T item[T], L any, P listOf[L, T]](
	ctx context.Context, s *source[T], of asked[L, T], changed <-chan struct{},
) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchPause):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		changed = s.changed()
		if _, _, err := fill[T, L, P](ctx, s, of); err != nil {
			return err
		}
	}
}

// sources are all that there are.
type sources struct {
	members  *source[Member]
	specs    *source[SpecFile]
	rollouts *source[Rollout]
	// hosts are rollouts with every host.
	hosts *source[Rollout]
}

func newSources(b Backend) sources {
	counter := b.Registry().Counter()
	return sources{
		members:  newSource[Member](counter, "Member", itemChanges, b.FleetChanged),
		specs:    newSource[SpecFile](counter, "SpecFile", itemChanges, b.FleetChanged),
		rollouts: newSource[Rollout](counter, "Rollout", itemChanges, b.RolloutsChanged),
		hosts:    newSource[Rollout](counter, "Rollout", largeChanges, b.RolloutsChanged),
	}
}
