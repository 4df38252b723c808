package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/agent/versions"
)

// state is what a reader holds: name to resource version.
type state map[string]string

func listed(r *Registry, res Resource) (state, uint64) {
	objects, rv := r.List(res)
	out := state{}
	for _, o := range objects {
		out[o.GetNamespace()+"/"+o.GetName()] = o.GetResourceVersion()
	}
	return out, rv
}

// replay applies every change that a watcher has now, and checks that each one fits the state it is applied to.
func replay(t *rapid.T, w *Watcher, s state) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	last := uint64(0)
	for {
		c, err := w.Next(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		name := c.Object.GetNamespace() + "/" + c.Object.GetName()
		_, held := s[name]
		if held != (c.Type != watch.Added) {
			t.Fatalf("%s of %s, which is held: %v", c.Type, name, held)
		}
		if c.Version <= last {
			t.Fatalf("version %d after %d", c.Version, last)
		}
		last = c.Version
		if c.Type == watch.Deleted {
			delete(s, name)
		} else {
			s[name] = c.Object.GetResourceVersion()
		}
	}
}

// TestReplayReachesTheList: whoever lists at any moment and replays what follows holds what a list gives now, or is told
// that it is too late, and the latter only when more changes happened than the history holds.
func TestReplayReachesTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(t, "history")
		r := New(Config{FirstVersion: 1, HistoryLimit: limit, EventLimit: 3})
		// all has the same changes and forgets none.
		all := New(Config{FirstVersion: 1, HistoryLimit: 1 << 20, EventLimit: 3})
		type snapshot struct {
			s  state
			rv uint64
		}
		var pods, evs []snapshot
		remember := func() {
			s, rv := listed(r, Pods)
			pods = append(pods, snapshot{s, rv})
			s, rv = listed(r, Events)
			evs = append(evs, snapshot{s, rv})
		}
		remember()
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "event") {
				in := input("o", "R", fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "message")))
				r.Record(in)
				all.Record(in)
			} else {
				pods := drawPods(t)
				r.SetPods(pods)
				all.SetPods(pods)
			}
			remember()
		}
		for res, snapshots := range map[Resource][]snapshot{Pods: pods, Events: evs} {
			want, _ := listed(r, res)
			for _, old := range snapshots {
				w, err := r.Watch(res, old.rv)
				if err == nil {
					err = replay(t, w, old.s)
				}
				if errors.Is(err, versions.ErrGone) {
					checkGone(t, all, res, old.rv, limit)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, old.s); diff != "" {
					t.Fatalf("%s from %d (-list +replay)\n%s", res, old.rv, diff)
				}
			}
		}
	})
}

func drawPods(t *rapid.T) []*corev1.Pod {
	names := rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.SampledFrom([]string{"1", "2"})).Draw(t, "pods")
	var out []*corev1.Pod
	for name, image := range maps.All(names) {
		out = append(out, pod("ns", name, image))
	}
	return out
}

// checkGone fails when a history of limit changes could have answered.
func checkGone(t *rapid.T, all *Registry, res Resource, since uint64, limit int) {
	w, err := all.Watch(res, since)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	after := 0
	for _, err := range w.All(ctx) {
		if err != nil {
			break
		}
		after++
	}
	if after < limit {
		t.Fatalf("%s from %d is gone, and the history holds only %d changes after it", res, since, after)
	}
}
