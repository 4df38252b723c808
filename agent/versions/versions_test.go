package versions

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/watch"
	"pgregory.net/rapid"
)

// thing is one whose note is nothing to speak of.
type thing struct{ Key, Value, Note string }

func (x thing) same(o thing) bool { return x.Key == o.Key && x.Value == o.Value }

func things(counter *Counter, limit int) *Table[thing] {
	return New(counter, Kind[thing]{Name: "things", Key: func(x thing) string { return x.Key }, Same: thing.same, Limit: limit})
}

// ended is a context that is over, so that Next gives what there is and waits for nothing.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// held is what a client has, by key.
type held map[string]thing

// apply brings the client up to date with all that the watcher has now, and checks that each change fits what it is applied to.
func (h held) apply(t *rapid.T, w *Watcher[thing]) error {
	last := uint64(0)
	for c, err := range w.All(ended()) {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.Version <= last {
			t.Fatalf("version %d after %d", c.Version, last)
		}
		last = c.Version
		old, known := h[c.Object.Key]
		switch {
		case known && !old.same(c.Previous):
			t.Fatalf("%v of %v comes after %v, the client has %v", c.Type, c.Object, c.Previous, old)
		case c.Type == watch.Added && !known, c.Type == watch.Modified && known && !old.same(c.Object):
			h[c.Object.Key] = c.Object
		case c.Type == watch.Deleted && known:
			delete(h, c.Object.Key)
		default:
			t.Fatalf("%v of %v, the client has %v", c.Type, c.Object, old)
		}
	}
	return nil
}

// TestWatchLeadsToTheList: whoever lists at any moment and watches from there comes to what a list gives now, but for the
// notes, or is told that it is too late, and the latter only when the history cannot hold what has happened since.
func TestWatchLeadsToTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type client struct {
			has     held
			version uint64
		}
		counter := NewCounter(rapid.Uint64Range(1, 9).Draw(t, "first"))
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		table, all := things(counter, limit), things(counter, 1<<20)
		var clients []client
		list := func() held {
			h := held{}
			now, version := table.List()
			for _, x := range now {
				h[x.Key] = x
			}
			clients = append(clients, client{h, version})
			return h
		}
		list()
		one := rapid.Custom(func(t *rapid.T) thing {
			return thing{
				rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "value"),
				rapid.String().Draw(t, "note"),
			}
		})
		cleared := uint64(0)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			given := rapid.SliceOfNDistinct(one, 0, 4, func(x thing) string { return x.Key }).Draw(t, "things")
			switch rapid.IntRange(0, 8).Draw(t, "step") {
			case 0:
				table.Clear()
				all.Clear()
				cleared = counter.Now()
			case 1, 2, 3:
				gone := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "e"})).Draw(t, "gone")
				table.Patch(given, gone...)
				all.Patch(given, gone...)
			default:
				version := table.Replace(given)
				all.Replace(given)
				if n := table.Len(); n != len(given) || version > counter.Now() {
					t.Fatalf("%d things at version %d, %d were given", n, version, len(given))
				}
			}
			list()
		}
		want := list()
		for _, c := range clients {
			w, err := table.Watch(c.version)
			if err == nil {
				err = c.has.apply(t, w)
			}
			if errors.Is(err, ErrGone) {
				if n := changesSince(all, c.version); n < limit && c.version >= cleared {
					t.Fatalf("version %d is gone after %d changes of %d that are kept", c.version, n, limit)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, c.has, cmp.Comparer(thing.same)); diff != "" {
				t.Fatalf("from version %d (-list +client)\n%s", c.version, diff)
			}
		}
	})
}

func changesSince(table *Table[thing], version uint64) int {
	n := 0
	for _, c := range table.history {
		if c.Version > version {
			n++
		}
	}
	return n
}

// What is the same has no new version, and the latest note is kept.
func TestTheLatestIsKept(t *testing.T) {
	table := things(NewCounter(5), 0)
	if got := table.Replace([]thing{{"a", "x", "old"}}); got != 6 {
		t.Errorf("version %d, want 6", got)
	}
	if got := table.Replace([]thing{{"a", "x", "new"}}); got != 6 {
		t.Errorf("version %d of what is the same, want 6", got)
	}
	got, version := table.List()
	if want := []thing{{"a", "x", "new"}}; !slices.Equal(got, want) || version != 6 {
		t.Errorf("got %v at %d, want %v at 6", got, version, want)
	}
}

// A bookmark comes after what was there at the beginning, with the version from which a watch goes on.
func TestBookmark(t *testing.T) {
	table := things(NewCounter(10), 0)
	table.Replace([]thing{{Key: "a"}, {Key: "b"}})
	w, err := table.Watch(0)
	if err != nil {
		t.Fatal(err)
	}
	w.Bookmark()
	table.Replace([]thing{{Key: "b"}})
	var got []string
	for c, err := range w.All(ended()) {
		if err != nil {
			break
		}
		got = append(got, strings.TrimSpace(string(c.Type)+" "+c.Object.Key))
		if c.Type == watch.Bookmark && c.Version != 12 {
			t.Errorf("the bookmark has version %d, want 12", c.Version)
		}
	}
	if diff := cmp.Diff([]string{"ADDED a", "ADDED b", "BOOKMARK", "DELETED a"}, got); diff != "" {
		t.Error(diff)
	}
}

// Two tables with one counter never give out one version twice, and what happens in one is nothing to the other.
func TestTablesShareACounter(t *testing.T) {
	counter := NewCounter(1)
	a, b := things(counter, 1), things(counter, 1)
	_, since := a.List()
	for _, value := range []string{"1", "2", "3"} {
		b.Replace([]thing{{Key: "x", Value: value}})
	}
	if got := a.Replace([]thing{{Key: "x"}}); got != 5 {
		t.Errorf("version %d, want 5: the fourth change of both", got)
	}
	w, err := a.Watch(since)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := w.Next(t.Context()); err != nil || c.Version != 5 {
		t.Errorf("got %+v, %v", c, err)
	}
	if a.Gone()+b.Gone() != 0 {
		t.Errorf("%d and %d were told that it is too late", a.Gone(), b.Gone())
	}
}
