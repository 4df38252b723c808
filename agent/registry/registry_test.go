package registry

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/versions"
)

func pod(namespace, name, image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: image}}},
	}
}

// keys is what a list holds, as namespace/name@resourceVersion.
func keys(r *Registry, res Resource) []string {
	objects, _ := r.List(res)
	out := []string{}
	for _, o := range objects {
		out = append(out, o.GetNamespace()+"/"+o.GetName()+"@"+o.GetResourceVersion())
	}
	return out
}

func TestSetGivesVersionsToWhatChanged(t *testing.T) {
	r := New(Config{FirstVersion: 10})
	steps := []struct {
		name string
		pods []*corev1.Pod
		want []string
		rv   uint64
	}{
		{"added, sorted", []*corev1.Pod{pod("b", "x", "1"), pod("a", "y", "1")}, []string{"a/y@11", "b/x@12"}, 12},
		{"unchanged", []*corev1.Pod{pod("a", "y", "1"), pod("b", "x", "1")}, []string{"a/y@11", "b/x@12"}, 12},
		{"one changed", []*corev1.Pod{pod("a", "y", "1"), pod("b", "x", "2")}, []string{"a/y@11", "b/x@13"}, 13},
		{"one removed, one added", []*corev1.Pod{pod("b", "x", "2"), pod("c", "z", "1")}, []string{"b/x@13", "c/z@15"}, 15},
		{"all removed", nil, []string{}, 17},
	}
	for _, s := range steps {
		r.SetPods(s.pods)
		if diff := cmp.Diff(s.want, keys(r, Pods)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", s.name, diff)
		}
		if _, rv := r.List(Pods); rv != s.rv {
			t.Errorf("%s: version %d, want %d", s.name, rv, s.rv)
		}
	}
}

func TestSetIgnoresTheResourceVersionGiven(t *testing.T) {
	r := New(Config{FirstVersion: 1})
	r.SetPods([]*corev1.Pod{pod("a", "x", "1")})
	again := pod("a", "x", "1")
	again.ResourceVersion = "77"
	r.SetPods([]*corev1.Pod{again})
	if diff := cmp.Diff([]string{"a/x@2"}, keys(r, Pods)); diff != "" {
		t.Error(diff)
	}
	if again.ResourceVersion != "77" || again.Kind != "" {
		t.Errorf("the argument was changed: %v", again)
	}
}

func TestStoredObjectsAreCopiesWithKind(t *testing.T) {
	r := New(Config{})
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{"a": "1"}}}
	d := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "d", Name: "s"}}
	r.SetNodes([]*corev1.Node{n})
	r.SetDaemonSets([]*appsv1.DaemonSet{d})
	n.Labels["a"] = "2"
	nodes, _ := r.List(Nodes)
	if got := nodes[0].GetLabels()["a"]; got != "1" {
		t.Errorf("the stored node changed with the caller's: label a is %q", got)
	}
	sets, _ := r.List(DaemonSets)
	if got := sets[0].GetObjectKind().GroupVersionKind().String(); got != "apps/v1, Kind=DaemonSet" {
		t.Errorf("kind %q", got)
	}
	if got := nodes[0].GetObjectKind().GroupVersionKind().String(); got != "/v1, Kind=Node" {
		t.Errorf("kind %q", got)
	}
}

func TestCreationTimestampIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{})
		start := time.Now()
		r.SetPods([]*corev1.Pod{pod("a", "x", "1")})
		<-time.After(time.Hour)
		given := pod("a", "y", "1")
		given.CreationTimestamp = metav1.NewTime(start.Add(-time.Hour))
		r.SetPods([]*corev1.Pod{pod("a", "x", "2"), given})
		objects, _ := r.List(Pods)
		if got := objects[0].GetCreationTimestamp(); !got.Time.Equal(start) {
			t.Errorf("a changed object has creationTimestamp %v, want that of when it was first seen, %v", got, start)
		}
		if got := objects[1].GetCreationTimestamp(); !got.Time.Equal(start.Add(-time.Hour)) {
			t.Errorf("a given creationTimestamp became %v", got)
		}
	})
}

func TestWatchTellsTypesAndPrevious(t *testing.T) {
	r := New(Config{FirstVersion: 100})
	_, rv := r.List(Pods)
	w, err := r.Watch(Pods, rv)
	if err != nil {
		t.Fatal(err)
	}
	r.SetPods([]*corev1.Pod{pod("a", "x", "1")})
	r.SetPods([]*corev1.Pod{pod("a", "x", "2")})
	r.SetPods(nil)
	want := []struct {
		kind     watch.EventType
		object   string
		previous string
	}{{watch.Added, "101", ""}, {watch.Modified, "102", "101"}, {watch.Deleted, "103", "102"}}
	for _, step := range want {
		c, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		previous := ""
		if c.Previous != nil {
			previous = c.Previous.GetResourceVersion()
		}
		if c.Type != step.kind || c.Object.GetResourceVersion() != step.object || previous != step.previous {
			t.Errorf("got %s %s after %q, want %+v", c.Type, c.Object.GetResourceVersion(), previous, step)
		}
	}
}

func TestWatchFromZeroBeginsWithWhatThereIs(t *testing.T) {
	r := New(Config{FirstVersion: 5})
	r.SetPods([]*corev1.Pod{pod("a", "x", "1"), pod("a", "y", "1")})
	w, err := r.Watch(Pods, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.SetPods([]*corev1.Pod{pod("a", "y", "1")})
	var got []string
	for range 3 {
		c, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(c.Type)+" "+c.Object.GetName())
	}
	if diff := cmp.Diff([]string{"ADDED x", "ADDED y", "DELETED x"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWatchRefusesWhatIsNotInTheHistory(t *testing.T) {
	r := New(Config{FirstVersion: 10, HistoryLimit: 2})
	for _, image := range []string{"1", "2", "3", "4"} {
		r.SetPods([]*corev1.Pod{pod("a", "x", image)})
	}
	for since, gone := range map[uint64]bool{9: true, 10: true, 11: true, 12: false, 13: false, 14: false, 15: true} {
		_, err := r.Watch(Pods, since)
		if got := errors.Is(err, versions.ErrGone); got != gone {
			t.Errorf("from %d: %v, want gone %v", since, err, gone)
		}
	}
	if n := r.Stats().WatchersGone; n != 4 {
		t.Errorf("%d watchers were counted as gone, want 4", n)
	}
	if _, err := r.Watch("secrets", 0); !errors.Is(err, ErrUnknownResource) {
		t.Errorf("unknown resource: %v", err)
	}
	// Another resource has had no change, and so its whole history.
	if _, err := r.Watch(Nodes, 10); err != nil {
		t.Errorf("nodes from the first version: %v", err)
	}
}

func TestSlowWatcherIsToldAndBlocksNobody(t *testing.T) {
	r := New(Config{FirstVersion: 1, HistoryLimit: 3})
	w, err := r.Watch(Pods, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		r.SetPods([]*corev1.Pod{pod("a", "x", strings.Repeat("i", i+1))})
	}
	if _, err := w.Next(t.Context()); !errors.Is(err, versions.ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
	if n := r.Stats().WatchersGone; n != 1 {
		t.Errorf("%d counted, want 1", n)
	}
}

func TestNextWaitsForAChangeAndForTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{})
		_, rv := r.List(Pods)
		w, err := r.Watch(Pods, rv)
		if err != nil {
			t.Fatal(err)
		}
		var got Change
		var wg sync.WaitGroup
		wg.Go(func() { got, err = w.Next(t.Context()) })
		synctest.Wait()
		// A change of another resource wakes it for nothing.
		r.SetNodes([]*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "n"}}})
		synctest.Wait()
		if got.Object != nil {
			t.Fatal("a change of another resource was handed out")
		}
		r.SetPods([]*corev1.Pod{pod("a", "x", "1")})
		wg.Wait()
		if err != nil || got.Type != watch.Added {
			t.Errorf("got %v, %v", got, err)
		}
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		wg.Go(func() { _, err = w.Next(ctx) })
		synctest.Wait()
		cancel(cause)
		wg.Wait()
		if !errors.Is(err, cause) {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
}

func TestVersionsOfAnEarlierProcessAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := New(Config{})
		for _, image := range []string{"1", "2", "3"} {
			first.SetPods([]*corev1.Pod{pod("a", "x", image)})
		}
		_, rv := first.List(Pods)
		<-time.After(time.Second)
		second := New(Config{})
		if _, err := second.Watch(Pods, rv); !errors.Is(err, versions.ErrGone) {
			t.Errorf("version %d of the first process gave %v in the second, want ErrGone", rv, err)
		}
	})
}

// TestPatchNodes: what is patched is as if all nodes had been set, and the others are left as they are.
func TestPatchNodes(t *testing.T) {
	node := func(name, label string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"l": label}}}
	}
	r := New(Config{Host: "h"})
	r.SetNodes([]*corev1.Node{node("a", "1"), node("b", "1"), node("c", "1")})
	_, before := r.List(Nodes)
	r.PatchNodes([]*corev1.Node{node("b", "2"), node("d", "1"), node("c", "1")}, []string{"a", "never"})
	got, after := r.List(Nodes)
	var names []string
	for _, o := range got {
		names = append(names, o.GetName()+o.GetLabels()["l"])
	}
	if diff := cmp.Diff([]string{"b2", "c1", "d1"}, names); diff != "" {
		t.Error(diff)
	}
	if after != before+3 {
		t.Errorf("%d changes, want 3: one removed, one changed, one added", after-before)
	}
}
