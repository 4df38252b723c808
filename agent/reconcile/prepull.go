package reconcile

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/agent/rollout/driver"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// defaultMaxPods is how many pods a kubelet takes that does not say otherwise (pkg/kubelet/apis/config/v1beta1).
const defaultMaxPods = 110

// pull is what pulls the images of what is to run before the old pod stops; nil: they are all here, nobody wants it, or
// nobody would tell how it goes: a kubelet that is not asked, or does not answer.
func (s *Snapshot) pull(it *Item) *plan.Pull {
	if !it.Strategy.PrePull || !replaces(s, it) {
		return nil
	}
	pods, told := s.Kubelet.Pods.Now()
	if !told || s.Kubelet.AssumeReady || !s.Kubelet.Usable() {
		return nil
	}
	stands := s.pullStands(it)
	ahead := it.State.Phase == rollout.PhaseWaiting && it.Turn.Blockers.Near()
	if it.Hold != "" && !ahead && !stands || !stands && !s.roomForPod(pods) {
		return nil
	}
	images, err := render.Images(it.Want.Manifest)
	if err != nil {
		return nil // what cannot be read back is not held up for that
	}
	// What pods like this one have pulled is remembered (plan.Pulled): they are gone when it matters.
	here := kubelet.ImagesHere(pods, func(pod *corev1.Pod) bool { return pod.Annotations[render.AnnotationPull] == "" })
	images = slices.DeleteFunc(images, func(i render.PullImage) bool {
		return i.Policy != corev1.PullAlways && here[i.Name]
	})
	if len(images) == 0 {
		return nil
	}
	m, err := render.Pull(it.Want.Manifest, s.Host, images)
	if err != nil {
		return nil // no room for its longer name
	}
	p := &plan.Pull{Manifest: m, Ahead: ahead}
	for _, i := range images {
		p.Images = append(p.Images, i.Name)
	}
	return p
}

// pullStands says whether the manifest that pulls the images of what is to run stands already.
func (s *Snapshot) pullStands(it *Item) bool {
	return slices.ContainsFunc(s.Pulls, func(p plan.Present) bool {
		return p.Key == it.Key && p.Revision == it.Want.Manifest.Revision
	})
}

// roomForPod says whether the kubelet takes one pod more. Where it does not it would evict another for ours, as static
// pods are critical.
func (s *Snapshot) roomForPod(pods []corev1.Pod) bool {
	limit := defaultMaxPods
	if c, ok := s.Kubelet.Config.Now(); ok && c.MaxPods > 0 {
		limit = int(c.MaxPods)
	}
	return len(pods) < limit
}

// pullPods are the pods that pull images, as they are planned from.
func pullPods(pods []corev1.Pod) map[string]plan.PullPod {
	out := map[string]plan.PullPod{}
	for i := range pods {
		pod := &pods[i]
		if pod.Annotations[render.AnnotationPull] == "" {
			continue
		}
		p := kubelet.PullsOf(pod)
		q := plan.PullPod{
			Done: p.Done, Refused: !p.Done && kubelet.Failed(pod), Failing: p.Failing, Message: p.Message,
		}
		if q.Refused {
			q.Message = kubelet.PodMessage(pod)
		}
		out[pod.Namespace+"/"+pod.Name] = q
	}
	return out
}

// pulling is what the rollout has to know of the images that are being pulled before the old pod stops; nil: none are.
func pulling(s *Snapshot, it *Item) *driver.Pulling {
	m := &it.Memory.Pulled
	if m.Revision == "" || !m.Done.IsZero() || m.Began.IsZero() || !s.pullStands(it) {
		return nil
	}
	return &driver.Pulling{Revision: m.Revision, Since: m.Began, Why: m.Waits}
}

// tellPulls records how the pulls went of which the memory has changed.
func (r *Reconciler) tellPulls(before, after map[string]plan.Memory, acts []plan.Act, now time.Time) {
	for key := range after {
		was, is := before[key].Pulled, after[key].Pulled
		if was.Revision != is.Revision {
			was = plan.Pulled{}
		}
		switch {
		case is.Done.IsZero() && is.Failing && !was.Failing:
			r.cfg.Metrics.PrePulls.WithLabelValues("failing").Inc()
			r.cfg.Events.OfDaemonSet(key, corev1.EventTypeWarning, "PrePullFailing", is.Waits+"; the old pod runs on")
		case is.Done.IsZero() || was.Done.Equal(is.Done):
		case is.Refused != "":
			r.cfg.Metrics.PrePulls.WithLabelValues("refused").Inc()
			r.cfg.Events.OfDaemonSet(key, corev1.EventTypeWarning, "PrePullRefused", fmt.Sprintf(
				"the kubelet refused the pod that pulls the images of revision %s, which are pulled when the old pod has "+
					"stopped: %s", is.Revision, is.Refused))
		default:
			r.cfg.Metrics.PrePulls.WithLabelValues("pulled").Inc()
			r.cfg.Events.OfDaemonSet(key, corev1.EventTypeNormal, plan.ReasonPulled, fmt.Sprintf(
				"the images of revision %s are here, after %s", is.Revision, now.Sub(is.Began).Round(time.Millisecond)))
		}
	}
	for _, a := range acts {
		if a.Kind == plan.EndPull && before[a.Key].Pulled.Revision == a.Revision && before[a.Key].Pulled.Done.IsZero() &&
			after[a.Key].Pulled.Done.IsZero() {
			r.cfg.Metrics.PrePulls.WithLabelValues("dropped").Inc()
		}
	}
}
