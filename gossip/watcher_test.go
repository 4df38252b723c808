package gossip_test

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// key names a record.
type key struct {
	owner   record.ID
	section string
}

func (k key) String() string { return fmt.Sprintf("%s/%s", k.owner, k.section) }

// seen is the newest stamp of each record that one host's views have shown, since its disk is the one that it is.
type seen map[key]record.Stamp

// perStep is how many views are looked at in one step. Those whose host tells of a change wait their turn: what went back would
// still be back, unless it came forward again in between.
const perStep = 48

// watcher holds all views against what must always be true:
//
//   - no record goes back: on one disk, the stamp of a record never falls;
//   - none is lost: what a view has shown, later views show, unless this host was told to forget it;
//   - none is made up: one stamp of one record is one body, everywhere and always;
//   - every member sees itself, once, and alive;
//   - a name is trusted for one member at most.
type watcher struct {
	bodies map[key]map[record.Stamp][]byte
	// changed are the hosts that have told of a change and were not looked at since; next is whose turn it is.
	changed map[*host]bool
	next    int
	// forks are the members whose key two hosts have, so that one stamp may be two bodies.
	forks map[record.ID]bool
	looks int
}

func newWatcher() *watcher {
	return &watcher{bodies: map[key]map[record.Stamp][]byte{}, changed: map[*host]bool{}, forks: map[record.ID]bool{}}
}

// started has a host looked at soon.
func (w *watcher) started(h *host) {
	w.changed[h] = true
	if h.seen == nil {
		h.seen = seen{}
	}
}

// forgot takes out what a host was told to forget.
func (w *watcher) forgot(h *host, id record.ID) {
	for k := range h.seen {
		if k.owner == id {
			delete(h.seen, k)
		}
	}
}

// expelled takes out what a host dropped because its roster leaves it out.
func (w *watcher) expelled(h *host, listed ...*host) {
	for k := range h.seen {
		if k.owner != h.id.ID && !slices.ContainsFunc(listed, func(o *host) bool { return o.id.ID == k.owner }) {
			delete(h.seen, k)
		}
	}
}

// look checks the views that have changed.
func (w *watcher) look(c *cluster) {
	c.t.Helper()
	running := c.running()
	for _, h := range running {
		select {
		case <-h.node.Changed():
			w.changed[h] = true
		default:
		}
	}
	budget := perStep
	for range running {
		w.next = (w.next + 1) % len(running)
		if h := running[w.next]; w.changed[h] && budget > 0 {
			delete(w.changed, h)
			budget--
			w.check(c, h)
		}
	}
}

// check holds one view against the rules.
func (w *watcher) check(c *cluster, h *host) {
	c.t.Helper()
	w.looks++
	broken := func(format string, args ...any) {
		c.t.Helper()
		c.t.Errorf("%s after the start, in the view of %s: %s", time.Since(c.begun), h.name, fmt.Sprintf(format, args...))
	}
	v, selves, shown, trusted := h.node.View(), 0, 0, map[string]record.ID{}
	for _, m := range v.Members {
		if m.Self {
			selves++
			if m.State != gossip.StateAlive && m.State != gossip.StateLeft {
				broken("it is itself %s", m.State)
			}
		}
		if other, ok := trusted[m.Name]; ok && m.Standing == "trusted" && m.Name != "" {
			broken("%q is trusted for %s and for %s", m.Name, other, m.ID)
		}
		if m.Standing == "trusted" {
			trusted[m.Name] = m.ID
		}
		for section, s := range m.Sections {
			k := key{m.ID, section}
			if old, ok := h.seen[k]; ok && s.Stamp.Compare(old) < 0 {
				broken("%s went back from %s to %s", k, old, s.Stamp)
			} else if ok {
				shown++
			}
			if bodies := w.bodies[k]; bodies == nil {
				w.bodies[k] = map[record.Stamp][]byte{s.Stamp: s.Body}
			} else if body, ok := bodies[s.Stamp]; !ok {
				bodies[s.Stamp] = s.Body
			} else if !bytes.Equal(body, s.Body) && !w.forks[m.ID] {
				broken("%s has two bodies at %s", k, s.Stamp)
			}
		}
	}
	if selves != 1 {
		broken("it is there %d times", selves)
	}
	if shown < len(h.seen) {
		now := w.stamps(h)
		for k, old := range h.seen {
			if _, ok := now[k]; !ok {
				broken("%s, which was at %s, is lost", k, old)
			}
		}
	}
	for _, m := range v.Members {
		for section, s := range m.Sections {
			h.seen[key{m.ID, section}] = s.Stamp
		}
	}
}

// stamps are the records that a host holds.
func (*watcher) stamps(h *host) map[key]record.Stamp {
	stamps := map[key]record.Stamp{}
	for _, m := range h.node.View().Members {
		for section, s := range m.Sections {
			stamps[key{m.ID, section}] = s.Stamp
		}
	}
	return stamps
}
