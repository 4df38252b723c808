package outage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// Grace is how long a DaemonSet is not available before that is a problem, where the kubelet says what is wrong.
	Grace = 10 * time.Second
	// Calm is how long a pod whose container ended again and again has to be available before that is over: the kubelet
	// lets such a container run for a moment between two waits.
	Calm = time.Minute
)

// Seen is one declared DaemonSet as this host sees it now.
type Seen struct {
	// Key is namespace/name.
	Key string
	// Should: a pod should run here. Known: it is known how it is; where it is not, nothing changes.
	Should, Known bool
	// Available: a pod of it is available, as Kubernetes has it; with two of them during a surge, either.
	Available bool
	// Pod is the pod of the newest manifest; nil: the kubelet has none.
	Pod *corev1.Pod
	// Leaving: a pod of it is stopping, so that the next has not begun.
	Leaving bool
	// Blocked says why its manifest may not be written; empty: it may.
	Blocked string
	// Deadline is its progress deadline.
	Deadline time.Duration
}

// Down is a DaemonSet that should run here and is not available.
type Down struct {
	Key string
	Trouble
	// Since is when it was first seen so, or when its pod became not ready by the kubelet's word.
	Since time.Time
}

// Tracker remembers since when DaemonSets are down. The zero value is ready to use.
type Tracker struct {
	known map[string]*memory
}

// memory is of one DaemonSet that is not available, or was not a moment ago.
type memory struct {
	since time.Time
	// trouble is the latest that is certain, of which certainAt is the first sight; zero: there was none.
	trouble   Trouble
	certain   bool
	certainAt time.Time
	// uid is the pod's that the trouble is of.
	uid types.UID
	// down: it was given out as down.
	down bool
	// calmSince is since when it is available again.
	calmSince time.Time
}

// Look gives the DaemonSets that are down now, by key, and when to look again at the latest (zero: when something
// changes). What was seen before and is not among seen is forgotten.
func (t *Tracker) Look(seen []Seen, now time.Time) (down []Down, again time.Time) {
	next := make(map[string]*memory, len(t.known))
	for i := range seen {
		s := &seen[i]
		m := t.known[s.Key]
		m, due := m.look(s, now)
		if m == nil {
			continue
		}
		next[s.Key] = m
		if !due.IsZero() && (again.IsZero() || due.Before(again)) {
			again = due
		}
		if m.down {
			down = append(down, Down{Key: s.Key, Trouble: m.trouble, Since: m.since})
		}
	}
	t.known = next
	slices.SortFunc(down, func(a, b Down) int { return strings.Compare(a.Key, b.Key) })
	return down, again
}

// look is one look at one DaemonSet; nil: there is nothing to remember.
func (m *memory) look(s *Seen, now time.Time) (*memory, time.Time) {
	switch {
	case !s.Should:
		return nil, time.Time{}
	case !s.Known && s.Blocked == "":
		return m, time.Time{}
	case s.Available:
		return m.calm(now)
	}
	if m == nil {
		m = &memory{since: now}
	}
	m.calmSince = time.Time{}
	if s.Leaving {
		if !m.certain && !m.down {
			m.since = now // the successor has not begun
		}
		return m, time.Time{}
	}
	if at := notReadySince(s.Pod); !at.IsZero() && at.Before(m.since) {
		m.since = at
	}
	found, certain := trouble(s)
	m.another(s, found, now)
	switch {
	case certain && (!m.certain || !m.trouble.same(&found)):
		if !m.certain {
			m.certainAt = now
		}
		m.trouble, m.certain = found, true
	case !certain && !m.certain && !m.trouble.same(&found):
		m.trouble = found
	}
	due := m.since.Add(s.Deadline)
	if m.certain {
		due = earlier(due, m.certainAt.Add(Grace))
	}
	if m.trouble.Kind == KindBlocked {
		due = now
	}
	if m.down = m.down || !now.Before(due); m.down {
		return m, time.Time{}
	}
	return m, due
}

// another drops what was certain of a pod that is not the present one any more, or of a manifest that may be written
// now. A pod that the kubelet refused comes back under another UID, for the same reason as far as is known.
func (m *memory) another(s *Seen, found Trouble, now time.Time) {
	unblocked := m.trouble.Kind == KindBlocked && s.Blocked == ""
	var uid types.UID
	if s.Pod != nil {
		uid = s.Pod.UID
	}
	replaced := uid != "" && m.uid != "" && uid != m.uid && m.trouble.Kind != KindRefused
	if uid != "" {
		m.uid = uid
	}
	if !unblocked && !replaced {
		return
	}
	m.trouble, m.certain = found, false
	if unblocked {
		m.down, m.since = false, now
	}
}

// calm is a look at a DaemonSet that is available.
func (m *memory) calm(now time.Time) (*memory, time.Time) {
	if m == nil || !m.certain || m.trouble.Kind != KindCrash {
		return nil, time.Time{}
	}
	if m.calmSince.IsZero() || m.calmSince.After(now) {
		m.calmSince = now
	}
	end := m.calmSince.Add(Calm)
	if !now.Before(end) {
		return nil, time.Time{}
	}
	if due := m.certainAt.Add(Grace); !m.down {
		if m.down = !now.Before(due); !m.down {
			end = earlier(end, due)
		}
	}
	return m, end
}

// trouble is what is wrong with a DaemonSet that is not available.
func trouble(s *Seen) (Trouble, bool) {
	switch {
	case s.Blocked != "":
		return Trouble{Kind: KindBlocked, Reason: ReasonBlocked, Text: bounded(s.Blocked)}, true
	case s.Pod == nil:
		return Trouble{Reason: ReasonNoPod, Text: "the kubelet has no pod of it"}, false
	}
	return Of(s.Pod)
}

// notReadySince is since when a pod is not ready, as the kubelet has it; zero: it does not say.
func notReadySince(pod *corev1.Pod) time.Time {
	if pod == nil {
		return time.Time{}
	}
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady && c.Status != corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Sentence says what is wrong, for people.
func (d *Down) Sentence() string {
	return fmt.Sprintf("DaemonSet %s is down on this host: %s", d.Key, d.Text)
}
