package kubelet

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// on are pods of a node.
func on(node string, names ...string) []corev1.Pod {
	pods := named(names...)
	for i := range pods {
		pods[i].Spec.NodeName = node
	}
	return pods
}

// TestFaultK1: the newest answer that names the kubelet's node says whether it is the one of this host.
func TestFaultK1(t *testing.T) {
	cfg := PollerConfig{Node: "node-1"}
	summary := func(node string) string { return `{"node":{"nodeName":"` + node + `"}}` }
	for _, tc := range []struct {
		name     string
		pods     []corev1.Pod
		summary  string
		node     string
		stranger bool
	}{
		{"its pods tell", on("node-1", "a", "b"), "", "node-1", false},
		{"its pods tell another", on("other", "a"), "", "other", true},
		{"one of its pods does", append(on("node-1", "a"), on("other", "b")...), "", "other", true},
		{"the case is no difference", on("Node-1", "a"), "", "Node-1", false},
		{"no pods, the summary tells", nil, summary("node-1"), "node-1", false},
		{"no pods, the summary tells another", nil, summary("other"), "other", true},
		{"nothing tells", named("a"), "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			poll(t, cfg, func(t *testing.T, s *script, p *Poller) {
				s.set(func(s *script) { s.down = true }) // what it said first is of another run
				pass(3 * time.Second)
				s.set(func(s *script) {
					s.down, s.pods, s.body = false, tc.pods, map[string]string{"/stats/summary": tc.summary}
					if tc.summary == "" {
						s.status["/stats/summary"] = 500
					}
				})
				pass(15 * time.Second)
				got := p.Latest()
				if got.Node != tc.node || (got.Stranger != nil) != tc.stranger || got.Usable() == tc.stranger {
					t.Errorf("node %q, stranger %v, usable %t", got.Node, got.Stranger, got.Usable())
				}
				if e := got.Stranger; e != nil && (e.State != OtherNode || e.URL == "" || !strings.Contains(e.Remedy, "nodeName: other")) {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

// TestFaultK1Renamed: a kubelet that is started under another name is found out by its next list, and so is that it has the right one again. Until one
// that came up has told its name, none is known.
func TestFaultK1Renamed(t *testing.T) {
	poll(t, PollerConfig{Node: "node-1"}, func(t *testing.T, s *script, p *Poller) {
		s.set(func(s *script) {
			s.pods, s.body = on("node-1", "a"), map[string]string{"/stats/summary": `{"node":{"nodeName":"node-1"}}`}
		})
		pass(10 * time.Second)
		woken(p)
		s.set(func(s *script) { s.pods = on("other", "a") })
		pass(6 * time.Second)
		if got := p.Latest(); got.Stranger == nil || got.Node != "other" || !woken(p) {
			t.Errorf("renamed: node %q, %v", got.Node, got.Stranger)
		}
		s.set(func(s *script) { s.pods = on("node-1", "a") })
		pass(6 * time.Second)
		if got := p.Latest(); got.Stranger != nil || got.Node != "node-1" || !woken(p) {
			t.Errorf("named as before: node %q, %v", got.Node, got.Stranger)
		}
		s.set(func(s *script) { s.down = true })
		pass(5 * time.Second)
		s.set(func(s *script) { s.down, s.pods, s.status["/stats/summary"] = false, nil, 500 })
		pass(5 * time.Second)
		if got := p.Latest(); !got.Healthy || got.Node != "" {
			t.Errorf("another run: healthy %t, node %q", got.Healthy, got.Node)
		}
	})
}

// TestFaultK1Gone: that nothing is listed under a name proves something only where the kubelet has used the name, or its node has the one that is in it.
func TestFaultK1Gone(t *testing.T) {
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return base.Add(time.Duration(seconds) * time.Second) }
	for name, c := range map[string]struct {
		change func(s *Snapshot)
		want   bool
	}{
		"its node has the name": {func(s *Snapshot) { s.Node = "node-1" }, true},
		"it is not known":       {func(*Snapshot) {}, false},
		"it is another":         {func(s *Snapshot) { s.Node, s.Stranger = "other", &Error{State: OtherNode} }, false},
		"the pod was listed under it": {
			func(s *Snapshot) { s.seen = sight(sight(nil, named("a"), at(0)), nil, at(9)) }, true,
		},
	} {
		s := &Snapshot{Pods: Answered[[]corev1.Pod](nil, at(9)), Running: Answered[[]corev1.Pod](nil, at(9))}
		c.change(s)
		if got, because := s.Gone("x", "a", at(2)); got != c.want || got != (because == "") {
			t.Errorf("%s: %t, %q; want %t", name, got, because, c.want)
		}
	}
}

// TestFaultK17: an answer that does not hold any more is given to nobody who does not ask for the last one.
func TestFaultK17(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var never Answer[int]
	good := Answered(7, at)
	bad := good.Failed(&Error{State: WrongVersion})
	for name, c := range map[string]struct {
		answer    Answer[int]
		now, last int
		holds     bool
	}{"never asked": {never, 0, 0, false}, "good": {good, 7, 7, true}, "failed since": {bad, 0, 7, false}, "good again": {bad.next(8, at, nil), 8, 8, true}} {
		now, holds := c.answer.Now()
		if now != c.now || holds != c.holds || c.answer.Last() != c.last {
			t.Errorf("%s: now %d, %t; last %d", name, now, holds, c.answer.Last())
		}
	}
}
