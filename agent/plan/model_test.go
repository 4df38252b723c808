package plan

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/agent/placement"
)

const (
	step       = 100 * time.Millisecond
	modelGrace = 2 * time.Second
)

// host is a model of one host: a directory, a kubelet that is slow in every way, and an agent that may be killed between
// any two acts. Time goes in steps.
type host struct {
	now time.Time

	// The agent's files and what it sees.
	wanted     []Wanted
	unreadable bool
	dir        map[string]Present
	disk       map[string]Memory
	memory     map[string]Memory
	view       Kubelet

	// The kubelet: pods being made, running and ending, by full name.
	up       bool
	known    map[string]bool
	starting map[string]time.Time
	running  map[string]bool
	ending   map[string]time.Time
}

func newHost() *host {
	return &host{
		now: start, dir: map[string]Present{}, disk: map[string]Memory{}, memory: map[string]Memory{}, up: true,
		known: map[string]bool{}, starting: map[string]time.Time{}, running: map[string]bool{}, ending: map[string]time.Time{},
	}
}

func (h *host) kubelet(t *rapid.T) {
	if !h.up {
		return
	}
	listed := map[string]bool{}
	for _, m := range h.dir {
		name := key + "-" + m.Revision + "-" + node
		listed[name] = true
		if !h.known[name] && !h.running[name] {
			h.known[name] = true
			h.starting[name] = h.now.Add(time.Duration(rapid.IntRange(0, 15).Draw(t, "start delay")) * step)
		}
	}
	for name := range h.known {
		if listed[name] {
			continue
		}
		delete(h.known, name)
		if h.running[name] {
			h.ending[name] = h.now.Add(modelGrace)
		}
	}
	for name, at := range h.starting {
		if h.now.Before(at) {
			continue
		}
		delete(h.starting, name)
		h.running[name] = true
		if !h.known[name] { // its sandbox was in the making when the manifest went
			h.ending[name] = h.now.Add(step)
		}
	}
	for name, at := range h.ending {
		if !h.now.Before(at) {
			delete(h.running, name)
			delete(h.ending, name)
		}
	}
}

// ask refreshes what the agent knows of the kubelet.
func (h *host) ask() {
	h.view.Healthy = h.up
	if !h.up {
		return
	}
	h.view.PodsAt, h.view.RunningAt = h.now, h.now
	now, running := h.now, maps.Clone(h.running)
	h.view.Gone = func(name string, removed time.Time) bool { return now.Sub(removed) > 15*step && !running[name] }
	h.view.Pods, h.view.Running = map[string]Pod{}, maps.Clone(h.running)
	for name := range h.running {
		if h.known[name] {
			h.view.Pods[name] = allReady
		}
	}
}

// agent does one round, of which only the first acts happen if it is killed.
func (h *host) agent(t *rapid.T, acts int) {
	in := Input{Now: h.now, Node: node, Wanted: h.wanted, Kubelet: h.view, Memories: h.memory, Undecided: func(string) bool { return h.unreadable }}
	if h.unreadable {
		in.Wanted = nil
	}
	for _, p := range h.dir {
		in.Present = append(in.Present, p)
	}
	before := maps.Clone(h.dir)
	out := Make(in)
	h.disk = maps.Clone(out.Memories) // saved before anything is done
	h.memory = out.Memories
	for i, a := range out.Acts {
		if i == acts {
			break
		}
		if a.Kind == Remove {
			delete(h.dir, a.FileName)
		} else {
			h.dir[a.FileName] = stands(a.Revision)
		}
	}
	for name, p := range before {
		if _, ok := h.dir[name]; !ok && h.justified(p) == "" {
			t.Fatalf("%s: a manifest was removed that had to stay: %+v, wanted %+v", h.now.Sub(start), p, h.wanted)
		}
	}
}

// justified says why a manifest may be removed, or nothing.
func (h *host) justified(p Present) string {
	switch {
	case h.unreadable:
		return ""
	case len(h.wanted) == 0:
		return "not declared"
	case !h.wanted[0].Decision.ShouldContinueRunning:
		return "does not qualify"
	case !h.wanted[0].Decision.ShouldRun:
		return ""
	case h.wanted[0].Manifest.Revision != p.Revision && h.view.Healthy:
		return "replaced"
	}
	return ""
}

func (h *host) restart() {
	h.view = Kubelet{}
	h.memory = map[string]Memory{}
	for k, m := range h.disk {
		m.WrittenAt = time.Time{}
		h.memory[k] = m
	}
}

// TestNeverTwoPods drives the model with random operators, kubelets and crashes: two pods of a DaemonSet never run at
// once, no manifest goes without a reason, and when everything has calmed down the host is as declared.
func TestNeverTwoPods(t *testing.T) {
	decisions := []placement.Decision{runs, runs, runs, stays, leaves}
	rapid.Check(t, func(t *rapid.T) {
		h := newHost()
		tick := func(acts int) {
			h.now = h.now.Add(step)
			h.kubelet(t)
			if rapid.IntRange(0, 2).Draw(t, "ask") == 0 {
				h.ask()
			}
			if rapid.IntRange(0, 3).Draw(t, "round") > 0 {
				h.agent(t, acts)
			}
			if len(h.running) > 1 {
				t.Fatalf("%s: two pods run: %v", h.now.Sub(start), h.running)
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0:
				h.wanted = wants(rapid.SampledFrom([]string{rev1, rev2, "dddddddddd"}).Draw(t, "revision"), rapid.SampledFrom(decisions).Draw(t, "decision"))
				h.unreadable = false
			case 1:
				h.wanted, h.unreadable = nil, false
			case 2:
				h.unreadable = true
			case 3:
				h.up = !h.up
			case 4:
				tick(rapid.IntRange(0, 1).Draw(t, "acts before the kill"))
				h.restart()
			case 5:
				h.wanted = wants(rev1, runs)
			}
			for range rapid.IntRange(0, 40).Draw(t, "steps") {
				tick(len(h.dir) + 5)
			}
		}
		h.up, h.unreadable = true, false
		for range 200 {
			h.now = h.now.Add(step)
			h.kubelet(t)
			h.ask()
			h.agent(t, 100)
		}
		h.settled(t)
	})
}

func (h *host) settled(t *rapid.T) {
	want := map[string]bool{}
	if len(h.wanted) > 0 && h.wanted[0].Decision.ShouldRun {
		want[full(h.wanted[0].Manifest.Revision)] = true
	}
	misscheduled := len(h.wanted) > 0 && !h.wanted[0].Decision.ShouldRun && h.wanted[0].Decision.ShouldContinueRunning
	if !misscheduled && !maps.Equal(want, h.running) {
		t.Fatalf("after a calm time %v runs, want %v; directory %v", h.running, want, h.dir)
	}
}
