package placement

import (
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Evicted tells whether the time has come: the pod has to go, or to stay away.
func (e Eviction) Evicted(now time.Time) bool { return !e.At.IsZero() && !now.Before(e.At) }

// NextEviction carries the timer of a DaemonSet on a node on to the moment now, by the rules of the taint eviction
// controller (processPodOnNode in pkg/controller/tainteviction/taint_eviction.go):
//
//   - no NoExecute taint, or all of them tolerated for ever: nothing is scheduled, what was is cancelled;
//   - a NoExecute taint that is not tolerated: at once;
//   - else after the shortest tolerationSeconds, of which each taint has those of the first toleration that matches it;
//     zero and less is at once;
//   - a timer that runs is neither armed again nor shortened, whatever taints come to it.
//
// Two things are different here. The time of a taint counts from its timeAdded, where it has one that is not in the
// future, and not from when it was first looked at, so that a restart gives no second term. And where the real
// controllers take the pod away and create it again, over and over, here it stays away until every NoExecute taint that
// stood when its time was up is gone or tolerated for ever.
//
// The result is to be kept and given back as prev. It equals prev when there is nothing new, so that it needs to be
// written down only when it changes. The node must not be nil.
func NextEviction(prev Eviction, c *Compiled, node *corev1.Node, now time.Time) Eviction {
	taints := c.limitedTaints(node)
	if len(taints) == 0 {
		return Eviction{}
	}
	running := !prev.At.IsZero() && prev.ScheduledAt.Before(now)
	switch {
	case prev.Evicted(now):
		if slices.ContainsFunc(taints, func(l limited) bool { return !l.addedAfter(prev.At, now) }) {
			return prev
		}
	case running && !slices.ContainsFunc(taints, limited.untolerated):
		return prev
	}
	return earliest(taints, now)
}

// limited is a NoExecute taint that the DaemonSet does not tolerate for ever.
type limited struct {
	taint *corev1.Taint
	// toleration is nil when the taint is not tolerated at all.
	toleration *corev1.Toleration
}

func (c *Compiled) limitedTaints(node *corev1.Node) []limited {
	var found []limited
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if taint.Effect != corev1.TaintEffectNoExecute {
			continue
		}
		toleration := c.toleration(taint)
		if toleration == nil || !lastsForever(toleration) {
			found = append(found, limited{taint: taint, toleration: toleration})
		}
	}
	return found
}

// earliest is the timer that these taints arm, of which there is at least one, when none runs yet.
func earliest(taints []limited, now time.Time) Eviction {
	first := taints[0].deadline(now)
	for _, l := range taints[1:] {
		if at := l.deadline(now); at.Before(first) {
			first = at
		}
	}
	return Eviction{ScheduledAt: now, At: first}
}

func (l limited) untolerated() bool { return l.toleration == nil }

// deadline is when the taint ends the pod.
func (l limited) deadline(now time.Time) time.Time {
	if l.untolerated() {
		return now
	}
	start := now
	if added := l.taint.TimeAdded; added != nil && added.Time.Before(now) {
		start = added.Time
	}
	return start.Add(time.Duration(max(*l.toleration.TolerationSeconds, 0)) * time.Second)
}

// addedAfter tells whether the taint is known to be younger than the moment. One without timeAdded, or with one that is
// in the future, may have been there.
func (l limited) addedAfter(moment, now time.Time) bool {
	added := l.taint.TimeAdded
	return added != nil && added.After(moment) && !added.After(now)
}

// lastsForever is also true of seconds that a time.Duration cannot hold, 292 years and more. The real controller lets
// such a number overflow.
func lastsForever(toleration *corev1.Toleration) bool {
	seconds := toleration.TolerationSeconds
	return seconds == nil || *seconds > int64(math.MaxInt64/time.Second)
}
