package registry

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
)

func input(name, reason, message string) EventInput {
	return EventInput{
		Object: corev1.ObjectReference{Kind: "DaemonSet", Namespace: "ns", Name: name},
		Type:   corev1.EventTypeNormal, Reason: reason, Message: message,
	}
}

func events(t *testing.T, r *Registry) []*corev1.Event {
	t.Helper()
	objects, _ := r.List(Events)
	var out []*corev1.Event
	for _, o := range objects {
		e, ok := o.(*corev1.Event)
		if !ok {
			t.Fatalf("an event is a %T", o)
		}
		out = append(out, e)
	}
	return out
}

func TestRecordCountsWhatRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{Host: "n1"})
		start := time.Now()
		r.Record(input("a", "ManifestWritten", "wrote it"))
		<-time.After(time.Minute)
		r.Record(input("a", "ManifestWritten", "wrote it"))
		got := events(t, r)
		if len(got) != 1 {
			t.Fatalf("%d events, want 1", len(got))
		}
		e := got[0]
		if e.Count != 2 || !e.FirstTimestamp.Time.Equal(start) || !e.LastTimestamp.Time.Equal(start.Add(time.Minute)) {
			t.Errorf("count %d, first %v, last %v", e.Count, e.FirstTimestamp, e.LastTimestamp)
		}
		if e.Namespace != "ns" || e.InvolvedObject.Name != "a" || e.Source != (corev1.EventSource{Component: "daemonsetd", Host: "n1"}) {
			t.Errorf("namespace %q, object %v, source %v", e.Namespace, e.InvolvedObject, e.Source)
		}
	})
}

func TestRecordKeepsApartWhatDiffers(t *testing.T) {
	r := New(Config{})
	warning := input("a", "R", "m")
	warning.Type = corev1.EventTypeWarning
	cluster := input("a", "R", "m")
	cluster.Object = corev1.ObjectReference{Kind: "Node", Name: "a"}
	for _, in := range []EventInput{
		input("a", "R", "m"), input("b", "R", "m"), input("a", "S", "m"), input("a", "R", "n"), warning, cluster,
	} {
		r.Record(in)
	}
	got := events(t, r)
	if len(got) != 6 {
		t.Fatalf("%d events, want 6", len(got))
	}
	for _, e := range got {
		if e.Count != 1 {
			t.Errorf("%s %s: count %d", e.InvolvedObject.Name, e.Reason, e.Count)
		}
		if e.InvolvedObject.Kind == "Node" && e.Namespace != "default" {
			t.Errorf("the event of a node is in namespace %q", e.Namespace)
		}
	}
}

func TestRecordDropsWhatOccurredLongestAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{EventLimit: 3})
		for i := range 3 {
			r.Record(input("a", "R", fmt.Sprint(i)))
			<-time.After(time.Second)
		}
		r.Record(input("a", "R", "0"))
		r.Record(input("a", "R", "new"))
		left := map[string]bool{}
		for _, e := range events(t, r) {
			left[e.Message] = true
		}
		if len(left) != 3 || left["1"] || !left["0"] || !left["2"] || !left["new"] {
			t.Errorf("left are %v, want 0, 2 and new", left)
		}
		if n := r.Stats().EventsDropped; n != 1 {
			t.Errorf("%d dropped, want 1", n)
		}
		// What was dropped is new when it occurs again.
		r.Record(input("a", "R", "1"))
		for _, e := range events(t, r) {
			if e.Message == "1" && e.Count != 1 {
				t.Errorf("a dropped event came back with count %d", e.Count)
			}
		}
	})
}

func TestRecordBoundsTheMessage(t *testing.T) {
	r := New(Config{})
	r.Record(input("a", "R", strings.Repeat("ä", 4000)))
	m := events(t, r)[0].Message
	if len(m) > maxMessage || !utf8.ValidString(m) || !strings.HasSuffix(m, "...") {
		t.Errorf("the message has %d bytes, valid %v, ends %q", len(m), utf8.ValidString(m), m[len(m)-5:])
	}
}

func TestEventsAreWatched(t *testing.T) {
	r := New(Config{EventLimit: 1})
	_, rv := r.List(Events)
	w, err := r.Watch(Events, rv)
	if err != nil {
		t.Fatal(err)
	}
	r.Record(input("a", "R", "1"))
	r.Record(input("a", "R", "1"))
	r.Record(input("a", "R", "2"))
	var got []string
	for range 4 {
		c, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e, ok := c.Object.(*corev1.Event)
		if !ok {
			t.Fatalf("an event is a %T", c.Object)
		}
		got = append(got, fmt.Sprintf("%s %s x%d", c.Type, e.Message, e.Count))
	}
	want := "[ADDED 1 x1 MODIFIED 1 x2 ADDED 2 x1 DELETED 1 x2]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
