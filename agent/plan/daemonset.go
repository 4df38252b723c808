package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

const (
	// askMargin is added to a pod's grace period where the kubelet cannot be asked whether it has stopped: the time that
	// it takes to notice the missing file and to tear the sandbox down.
	askMargin = 10 * time.Second
	// defaultGrace is the grace period of a pod of which nothing is known but that it ran.
	defaultGrace = corev1.DefaultTerminationGracePeriodSeconds * time.Second
	// lookAgain is how often the kubelet's answers are looked at while a pod is stopping.
	lookAgain = 50 * time.Millisecond
	// reissueHold is how long a rejected pod's manifest stays away. The kubelet forgets a static pod when a housekeeping
	// (every 2 s, pkg/kubelet/kubelet.go) has passed without it.
	reissueHold = 3 * time.Second
	// retryFirst and retryMax are the real controller's back-off (cmd/kube-controller-manager/app/apps.go).
	retryFirst = time.Second
	retryMax   = 15 * time.Minute
)

// planner plans one DaemonSet.
type planner struct {
	in      *Input
	key     string
	wanted  *Wanted
	present []Present
	// pulls are the manifests of pods that only pull images, keeps is the one that stays.
	pulls  []Present
	keeps  string
	memory Memory
	// over are the pods, by full name, that were waited for as long as a pod takes to stop, in this plan.
	over map[string]bool

	acts   []Act
	status Status
	hurry  bool
}

func (p *planner) run() {
	p.noticeRemoved()
	defer p.noteStanding()
	p.forgetGone()
	if w := p.wanted; w != nil {
		p.status.Revision = w.Manifest.Revision
	}
	if len(p.present) > 0 || p.wanted == nil || !p.wanted.Decision.ShouldContinueRunning || p.wanted.Evicted {
		p.memory.Again = ""
	}
	switch w := p.wanted; {
	case w == nil:
		p.undeclared()
	case !w.Decision.ShouldContinueRunning:
		p.removeAll(ReasonNotQualified, "the node does not qualify")
		p.goneOr(PhaseNotPlaced, firstFailed(w))
	case w.Evicted:
		p.removeAll(ReasonEviction, "a NoExecute taint is tolerated for a limited time, which is over")
		p.goneOr(PhaseNotPlaced, "evicted by a NoExecute taint whose tolerationSeconds are over")
	case !w.Decision.ShouldRun:
		p.misscheduled()
	default:
		p.shouldRun()
	}
	if text := p.in.Copies[p.key]; text != "" {
		p.status.Phase, p.status.Message = PhaseBlocked, text
	}
}

// undeclared is a DaemonSet that no readable file declares.
func (p *planner) undeclared() {
	for _, m := range p.present {
		if p.undecided(m.Source) {
			p.stands(PhaseBlocked, m, fmt.Sprintf("its file %s cannot be read; what runs stays", m.Source))
			continue
		}
		p.remove(m, ReasonDeleted, "no file declares the DaemonSet any more")
	}
	if p.status.Phase == "" {
		p.goneOr("", "")
	}
}

// undecided says whether it is unknown what a spec file declares now.
func (p *planner) undecided(file string) bool {
	return p.in.Undecided != nil && p.in.Undecided(file)
}

// misscheduled is a node with an untolerated NoSchedule taint: no new pod, the old one stays. A failed one is removed
// and not replaced, as the controller does.
func (p *planner) misscheduled() {
	if len(p.present) == 0 {
		p.goneOr(PhaseNotPlaced, firstFailed(p.wanted))
		return
	}
	keep := p.present[0]
	if cur := p.current(); cur != nil {
		keep = *cur
	}
	if p.retryFailed(keep, nil) {
		return
	}
	if p.wanted.Blocked == "" && p.restore(keep, &p.wanted.Manifest) {
		return
	}
	if k := p.in.Kubelet; !k.Healthy && !k.AssumeReady {
		p.stands(PhaseUnknown, keep, "the kubelet is not answering; its pod stays, and no new one starts: "+
			firstFailed(p.wanted))
		return
	}
	p.stands(PhaseMisscheduled, keep, "the running pod stays, and no new one starts: "+firstFailed(p.wanted))
}

func (p *planner) shouldRun() {
	cur := p.current()
	switch {
	case cur != nil:
		p.holds(*cur)
	case p.older():
	case p.wanted.Blocked != "":
		p.status.Phase, p.status.Message = PhaseBlocked, p.wanted.Blocked
		if len(p.present) > 0 {
			p.stands(PhaseBlocked, p.present[0], p.wanted.Blocked)
		}
	case len(p.present) > 0:
		p.replace()
	default:
		p.create(&p.wanted.Manifest)
	}
}

// older looks after the pod of an earlier revision while it may not be replaced, and reports whether there was
// something to do: one that the kubelet has given up on is tried again, and a hand-edited manifest restored, as those
// of the wanted revision are.
func (p *planner) older() bool {
	w := p.wanted
	if w.Older == nil || w.Hold == "" && w.Blocked == "" || p.undecided(w.Source) {
		return false
	}
	if len(p.present) == 0 {
		if p.memory.Again != w.Older.Revision {
			return false
		}
		p.create(w.Older)
		return true
	}
	m := p.present[0]
	if m.Revision != w.Older.Revision || p.undecided(m.Source) {
		return false
	}
	if p.retryFailed(m, w.Older) {
		p.memory.Again = m.Revision
		return true
	}
	return p.restore(m, w.Older)
}

// holds is the case of the wanted revision's manifest being in place.
func (p *planner) holds(cur Present) {
	for _, m := range p.present {
		if m.FileName != cur.FileName && !p.beside(m, cur) {
			p.remove(m, ReasonSuperseded, "a newer revision's manifest stands")
		}
	}
	next := &p.wanted.Manifest
	if p.wanted.Blocked != "" {
		next = nil // it may not be written again
	}
	if p.retryFailed(cur, next) {
		return
	}
	if p.wanted.Blocked == "" && p.restore(cur, &p.wanted.Manifest) {
		return
	}
	pod, known := p.in.Kubelet.Pods[p.fullName(cur.PodName)]
	switch {
	case p.wanted.Blocked != "":
		p.stands(PhaseBlocked, cur, p.wanted.Blocked)
	case p.in.Kubelet.AssumeReady:
		p.stands(PhaseUnknown, cur, "the kubelet is not asked (assumeReady)")
	case !p.in.Kubelet.Healthy:
		p.stands(PhaseUnknown, cur, p.silence())
	case p.in.Kubelet.PodsUnknown:
		p.stands(PhaseUnknown, cur, "the kubelet does not tell its pods")
	case p.in.Kubelet.Absent[p.fullName(cur.PodName)]:
		p.stands(PhaseStarting, cur, "the kubelet has not listed the pod for more than a minute")
	case !known || !p.fresh():
		p.stands(PhaseStarting, cur, "the kubelet has not listed the pod yet")
		p.hurry = true
	case pod.Available:
		p.stands(PhaseAvailable, cur, "")
		p.until(p.soaked(pod))
	default:
		p.stands(PhaseStarting, cur, pod.Message)
		p.until(pod.AvailableAt)
		p.hurry = !pod.Ready
	}
}

// beside says whether an older pod is kept beside the new one: while it is available and the new one is not, or not for
// as long as the soak, also where the DaemonSet asks for no surge any more. While it is not known which of them is,
// both stay.
func (p *planner) beside(old, cur Present) bool {
	k := p.in.Kubelet
	switch {
	case k.AssumeReady:
		return false
	case !p.tells() || p.unlisted(old):
		return true
	}
	pod := k.Pods[p.fullName(cur.PodName)]
	return p.standing(old) && (!pod.Available || p.in.Now.Before(p.soaked(pod)))
}

// soaked is when a pod of the wanted revision has been ready for the soak; zero: it is not ready, or there is none.
func (p *planner) soaked(pod Pod) time.Time {
	if pod.ReadySince.IsZero() || p.wanted.Soak == 0 {
		return time.Time{}
	}
	return pod.ReadySince.Add(p.wanted.Soak)
}

// unlisted says whether the kubelet tells its pods and a manifest's is not among them, without that being certain to
// mean that it does not run: it may have been taken up under another name.
func (p *planner) unlisted(m Present) bool {
	k, name := p.in.Kubelet, p.fullName(m.PodName)
	_, listed := k.Pods[name]
	return !k.AssumeReady && !listed && !k.Absent[name]
}

// silence says why the kubelet counts as one that does not answer.
func (p *planner) silence() string {
	if name := p.in.Kubelet.OtherNode; name != "" {
		return fmt.Sprintf("the kubelet that answers is of the node %s, not of this one", name)
	}
	return "the kubelet is not answering"
}

// tells says whether the kubelet's list of pods is one that it has given in this run, after the last write, and that it
// would give now. What is not in another one may be there all the same, and what is down in it may be up.
func (p *planner) tells() bool {
	k := p.in.Kubelet
	return k.AssumeReady || k.Healthy && !k.Missed && !k.PodsUnknown && !k.PodsAt.IsZero() && p.fresh()
}

// replace unlinks the old revision; the new one is written by create when the old pod has stopped.
func (p *planner) replace() {
	old := p.present[0]
	switch k := p.in.Kubelet; {
	case p.undecided(old.Source) || p.undecided(p.wanted.Source):
		p.keepPull()
		p.stands(PhaseBlocked, old, fmt.Sprintf("its file %s cannot be read, and what is known of it may be older than "+
			"what runs", old.Source))
	case p.wanted.Hold != "":
		p.stands(PhaseWaiting, old, p.wanted.Hold)
		if !k.Healthy || k.Missed {
			p.keepPull()
		}
		if w := p.wanted.Pull; w != nil && p.pulling(w.Ahead) {
			p.stands(PhaseWaiting, old, p.wanted.Hold+"; meanwhile "+p.memory.Pulled.Waits)
		}
	case (!k.Healthy || k.Missed) && !k.AssumeReady:
		p.keepPull()
		p.stands(PhaseWaiting, old, p.silence()+": nothing is replaced")
	case p.tells() && !slices.ContainsFunc(p.present, func(m Present) bool { return !p.unlisted(m) }):
		p.keepPull()
		p.stands(PhaseWaiting, old, "the kubelet does not list the pod, and may run it under another name: nothing is "+
			"replaced until that is known")
		p.hurry = true
	case p.wanted.Surge && !p.tells():
		p.stands(PhaseWaiting, old, "the kubelet has not said yet which pod is available")
		p.hurry = k.Healthy
	case p.wanted.Surge && slices.ContainsFunc(p.present, p.standing):
		p.surge()
	case p.pulling(true):
		p.stands(PhaseWaiting, old, p.memory.Pulled.Waits)
	default:
		for _, m := range p.present {
			p.remove(m, ReasonReplacing, "the template has changed")
			p.follows(&p.wanted.Manifest)
		}
		p.status.Phase, p.status.Message = PhaseUpdating, "the old pod is stopping"
		p.wait()
	}
}

// standing says whether the kubelet runs a manifest's pod and it is available: then there is something to keep.
func (p *planner) standing(m Present) bool {
	return p.in.Kubelet.AssumeReady || p.in.Kubelet.Pods[p.fullName(m.PodName)].Available
}

// surge writes the new revision beside the old one, which holds takes down when the new pod is available. What does not
// stand, as a revision that was given up for this one, goes.
func (p *planner) surge() {
	for _, m := range p.present {
		if !p.standing(m) {
			p.remove(m, ReasonSuperseded, "a newer revision is wanted, and its pod is not available")
		}
	}
	p.write(Write, p.wanted.Manifest, ReasonSurge,
		"the template has changed; the old pod stays until the new one is available")
	p.stands(PhaseUpdating, p.presentOf(&p.wanted.Manifest), "the new pod is starting beside the old one")
	p.hurry = !p.in.Kubelet.AssumeReady
}

// create writes a manifest unless a pod of the DaemonSet is still on its way out.
func (p *planner) create(m *render.Manifest) {
	if k := p.in.Kubelet; k.Healthy && !k.AssumeReady && !k.RunningUnknown && k.RunningAt.IsZero() {
		p.status.Phase, p.status.Message = PhaseStarting, "the kubelet is being asked what runs already"
		p.hurry = true
		return
	}
	if p.leaving() {
		p.status.Phase, p.status.Message = PhaseUpdating, "the old pod is stopping"
		if p.sameStops(m) {
			p.status.Phase, p.status.Message = PhaseStarting,
				"its manifest was removed; it is written again once the pod has stopped"
		}
		if p.memory.Leaving != nil && !p.memory.Leaving[0].Hold.IsZero() {
			p.status.Phase, p.status.Message = PhaseRefused,
				"its manifest is written again in a moment; the kubelet refused the pod: "+p.memory.Retry.Message
		}
		p.wait()
		return
	}
	p.write(Write, *m, ReasonCreate, "the node qualifies and no pod is here")
	p.stands(PhaseStarting, p.presentOf(m), "its manifest is being written")
	p.hurry = !p.in.Kubelet.AssumeReady
}

// sameStops says whether the pods that are stopping are of the manifest that is to be written, so that nothing is
// updated: it was removed by hand, or the node did not qualify for a moment.
func (p *planner) sameStops(m *render.Manifest) bool {
	return len(p.memory.Leaving) > 0 &&
		!slices.ContainsFunc(p.memory.Leaving, func(l Leaving) bool { return l.PodName != m.PodName })
}

// retryFailed deals with a pod that the kubelet has given up on, and reports whether it did; next is what is written
// afterwards, nil: nothing is.
func (p *planner) retryFailed(m Present, next *render.Manifest) bool {
	pod, known := p.in.Kubelet.Pods[p.fullName(m.PodName)]
	if !known || !pod.Failed || !p.fresh() || p.in.Kubelet.PodsUnknown || !p.in.Kubelet.Healthy {
		return false
	}
	r := &p.memory.Retry
	if r.Last.After(p.in.Now) { // the clock was set back
		r.Last = p.in.Now
	}
	since := max(p.in.Now.Sub(r.Last), 0)
	if r.Revision != m.Revision || since > 2*retryMax {
		*r = Retry{Revision: m.Revision}
		since = 0
	}
	if since < r.Delay {
		p.stands(PhaseRefused, m, fmt.Sprintf("the kubelet refused the pod, next try within %s: %s", r.Delay, pod.Message))
		p.until(r.Last.Add(r.Delay))
		return true
	}
	r.Last, r.Message = p.in.Now, pod.Message
	r.Delay = min(max(2*r.Delay, retryFirst), retryMax)
	p.remove(m, ReasonFailed, "found failed daemon pod, will try again: "+pod.Message)
	p.follows(next)
	if len(p.memory.Leaving) > 0 {
		p.memory.Leaving[len(p.memory.Leaving)-1].Hold = p.in.Now.Add(reissueHold)
	}
	p.status.Phase, p.status.Message = PhaseRefused, "the kubelet refused the pod: "+pod.Message
	p.wait()
	return true
}

// restore undoes a hand edit of a manifest whose revision is that of to, and reports whether it did. Where the edit
// gave the pod another name, the kubelet would run both pods until it next lists its directory, so that one is taken
// down first.
func (p *planner) restore(m Present, to *render.Manifest) bool {
	if m.Intact || m.Revision != to.Revision {
		return false
	}
	if m.Renamed {
		if k := p.in.Kubelet; !p.wanted.Decision.ShouldRun || (!k.Healthy || k.Missed) && !k.AssumeReady {
			return false
		}
		p.remove(m, ReasonRestored, "the manifest had been edited by hand, the pod's name too")
		p.follows(to)
		if to != &p.wanted.Manifest {
			p.memory.Again = to.Revision
		}
		p.status.Phase, p.status.Message = PhaseUpdating, "the pod of the edited manifest is stopping"
		p.wait()
		return true
	}
	same := *to
	same.FileName = m.FileName // one that a former version gave stays: under another the kubelet would start another pod
	p.write(Restore, same, ReasonRestored, "the manifest had been edited by hand")
	p.stands(PhaseStarting, m, "the manifest had been edited by hand and is being restored")
	p.hurry = !p.in.Kubelet.AssumeReady
	return true
}

// removeAll takes down what the node does not qualify for. One of another revision stays while the file cannot be read:
// what is known of the DaemonSet may be older than what runs, and so may be what it asks of a node.
func (p *planner) removeAll(reason, message string) {
	for _, m := range p.present {
		if m.Revision != p.wanted.Manifest.Revision && (p.undecided(m.Source) || p.undecided(p.wanted.Source)) {
			p.stands(PhaseBlocked, m, fmt.Sprintf("its file %s cannot be read, and what is known of it may be older than what "+
				"runs", m.Source))
			continue
		}
		p.remove(m, reason, message)
	}
}

func (p *planner) remove(m Present, reason, message string) {
	p.acts = append(p.acts, Act{
		Kind: Remove, Key: p.key, FileName: m.FileName, PodName: m.PodName, Revision: m.Revision,
		Reason: reason, Message: message,
	})
	p.memory.Leaving = append(slices.Clone(p.memory.Leaving), Leaving{
		PodName: m.PodName, RemovedAt: p.in.Now,
		GraceSeconds: m.GracePeriodSeconds,
	})
}

// follows says what the manifest that was removed last makes room for.
func (p *planner) follows(next *render.Manifest) { p.acts[len(p.acts)-1].Next = next }

func (p *planner) write(kind Kind, m render.Manifest, reason, message string) {
	p.acts = append(p.acts, Act{
		Kind: kind, Key: p.key, FileName: m.FileName, PodName: m.PodName, Revision: m.Revision,
		Manifest: &m, Reason: reason, Message: message,
	})
	p.memory.WrittenAt = p.in.Now
}

// stands sets the status of a manifest that is, or will be, in place.
func (p *planner) stands(phase Phase, m Present, message string) {
	p.status.Phase, p.status.Message = phase, message
	p.status.Current, p.status.FileName, p.status.PodName = m.Revision, m.FileName, m.PodName
}

// goneOr sets Removing while a pod is on its way out, and the given phase when none is.
func (p *planner) goneOr(phase Phase, message string) {
	if p.status.Phase == PhaseBlocked || p.in.Copies[p.key] != "" {
		return
	}
	if p.leaving() {
		p.status.Phase, p.status.Message = PhaseRemoving, "the pod is stopping"
		p.wait()
		return
	}
	p.status.Phase, p.status.Message = phase, message
}

func (p *planner) current() *Present {
	for i := range p.present {
		if p.present[i].Revision == p.wanted.Manifest.Revision {
			return &p.present[i]
		}
	}
	return nil
}

func (p *planner) presentOf(m *render.Manifest) Present {
	return Present{FileName: m.FileName, Key: p.key, Revision: m.Revision, PodName: m.PodName}
}

func firstFailed(w *Wanted) string {
	for _, r := range w.Decision.Reasons {
		if !r.Passed {
			return r.Message
		}
	}
	return ""
}

// fresh says whether the kubelet's list of pods is newer than the last write.
func (p *planner) fresh() bool { return p.in.Kubelet.PodsAt.After(p.memory.WrittenAt) }

// fullName is the key under which the kubelet knows a pod of ours (pkg/kubelet/config/common.go, generatePodName).
func (p *planner) fullName(podName string) string {
	namespace, _, _ := strings.Cut(p.key, "/")
	return namespace + "/" + podName + "-" + p.in.Node
}
