package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// noticeRemoved takes the pods whose manifests somebody else has removed since the last plan for leaving.
func (p *planner) noticeRemoved() {
	for _, s := range p.memory.Stood {
		known := slices.ContainsFunc(p.memory.Leaving, func(l Leaving) bool { return l.PodName == s.PodName })
		if !known && !p.stillPresent(p.fullName(s.PodName)) {
			s.RemovedAt = p.in.Now
			p.memory.Leaving = append(slices.Clone(p.memory.Leaving), s)
		}
	}
}

// noteStanding remembers what stands for the next plan.
func (p *planner) noteStanding() {
	p.memory.Stood = nil
	for _, m := range p.present {
		p.memory.Stood = append(p.memory.Stood, Leaving{PodName: m.PodName, GraceSeconds: m.GracePeriodSeconds})
	}
}

// forgetGone drops the pods that have stopped from the memory.
func (p *planner) forgetGone() {
	var left []Leaving
	for _, l := range p.memory.Leaving {
		if p.stillPresent(p.fullName(l.PodName)) { // the unlink did not succeed, or somebody put it back
			continue
		}
		if l.RemovedAt.After(p.in.Now) { // the clock was set back
			l.RemovedAt = p.in.Now
		}
		if limit := p.in.Now.Add(reissueHold); l.Hold.After(limit) {
			l.Hold = limit
		}
		if !p.gone(l) {
			left = append(left, l)
			continue
		}
		if p.over == nil {
			p.over = map[string]bool{}
		}
		p.over[p.fullName(l.PodName)] = true
	}
	p.memory.Leaving = left
}

// gone says whether a pod whose manifest was unlinked has stopped for certain.
func (p *planner) gone(l Leaving) bool {
	if p.in.Now.Before(l.Hold) {
		return false
	}
	k := p.in.Kubelet
	switch {
	case k.AssumeReady, k.Healthy && k.RunningUnknown:
		return p.waited(l)
	case !k.Healthy:
		// Its containers outlive a kubelet that is down, and nobody stops them until it is back.
		return false
	default:
		return k.Gone(p.fullName(l.PodName), l.RemovedAt) || k.NameUnknown && p.waited(l)
	}
}

// waited says whether the time has passed that a pod takes at most to stop, where nobody tells whether it has.
func (p *planner) waited(l Leaving) bool {
	return !p.in.Now.Before(l.RemovedAt.Add(time.Duration(l.GraceSeconds)*time.Second + askMargin))
}

// leaving says whether a pod of the DaemonSet without a manifest is, or may be, still running: one of which the memory
// knows, or one that the kubelet reports although no manifest of it stands (somebody else removed it, or the memory was
// lost). What it reported before it ceased to do so counts for as long as a pod takes to stop, and no longer.
func (p *planner) leaving() bool {
	if len(p.memory.Leaving) > 0 {
		return true
	}
	k := p.in.Kubelet
	if !k.Healthy || k.RunningUnknown && p.in.Now.After(k.RunningAt.Add(defaultGrace+askMargin)) {
		return false
	}
	for name := range k.Running {
		if Ours(p.key, name, p.in.Node) && !p.stillPresent(name) && !(k.RunningUnknown && p.over[name]) {
			return true
		}
	}
	return false
}

func (p *planner) stillPresent(fullName string) bool {
	for _, m := range p.present {
		if p.fullName(m.PodName) == fullName {
			return true
		}
	}
	return false
}

// Ours says whether a pod, by the full name that a kubelet gave it, is of the DaemonSet with that key, whatever the
// node is called: a kubelet that was started under another name stops what it ran before under that name. Host is this
// host's name for its node: with it, the pod of a DaemonSet whose own name ends like a revision is told from one on a
// node whose name begins like one.
func Ours(key, fullName, host string) bool {
	rest, ok := strings.CutPrefix(fullName, key+"-")
	if !ok {
		return false
	}
	revision, node, ok := strings.Cut(rest, "-")
	if !ok || !render.IsRevision(revision) {
		return false
	}
	other, ok := strings.CutSuffix(node, "-"+host)
	return !ok || !render.IsRevision(other) && !render.IsPullPodName(revision+"-"+other)
}

// wait asks for the kubelet's next answer, or for a plan at the time when a wait without answers is over.
func (p *planner) wait() {
	k := p.in.Kubelet
	p.hurry = k.Healthy && !k.AssumeReady
	if p.hurry && !k.RunningUnknown {
		// An answer that proves the pod gone may be the same as the last one, only younger, and then nothing tells of it.
		p.until(p.in.Now.Add(lookAgain))
	}
	for _, l := range p.memory.Leaving {
		p.until(l.Hold)
		if k.AssumeReady || k.RunningUnknown || k.NameUnknown {
			p.until(l.RemovedAt.Add(time.Duration(l.GraceSeconds)*time.Second + askMargin))
		}
	}
	if k.RunningUnknown && len(k.Running) > 0 {
		p.until(k.RunningAt.Add(defaultGrace + askMargin + time.Millisecond))
	}
}

// until moves the status' Until forward to the nearest time that is still to come.
func (p *planner) until(t time.Time) {
	if !t.After(p.in.Now) {
		return
	}
	if p.status.Until.IsZero() || t.Before(p.status.Until) {
		p.status.Until = t
	}
}
