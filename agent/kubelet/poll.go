package kubelet

import (
	"context"
	"errors"
	"maps"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// configRetry is how long to wait before the configuration and the version are asked for again where they could not be
// had; configRefresh, where they could.
const (
	configRetry   = time.Minute
	configRefresh = 10 * time.Minute
)

// checkHealth asks for the health. A healthy kubelet may miss a few checks, an unhealthy one counts as healthy on the
// first good answer.
func (p *Poller) checkHealth(ctx context.Context) {
	now := time.Now()
	failure := cause(p.client.Health(ctx))
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	if failure != nil {
		p.closed(failure)
	}
	p.next.health = time.Now().Add(p.cfg.Health)
	before := p.Latest()
	if failure == nil {
		p.misses = 0
	} else {
		p.misses++
	}
	healthy := failure == nil || (before.Healthy && p.misses < p.cfg.FailureThreshold)
	flipped := healthy != before.Healthy
	p.update(func(s *Snapshot) {
		if flipped && healthy {
			s.Node, s.Stranger = "", nil // it may be another kubelet than before
		}
		s.Healthy, s.HealthAt, s.HealthErr = healthy, now, failure
		if flipped || s.Since.IsZero() {
			s.Since = now
		}
	})
	if flipped && healthy {
		// It may be another kubelet than before: everything is asked anew.
		p.next.pods, p.next.summary = time.Time{}, time.Time{}
	}
	if failure == nil && (flipped || p.restarts) {
		// Also after a restart that was too short to make it unhealthy.
		p.restarts = false
		p.next.config, p.next.version = time.Time{}, time.Time{}
	}
	if flipped || state(failure) != state(before.HealthErr) {
		signal(p.wake)
	}
}

// askPods asks for the pods and for the running ones. A failure that comes from the end of ctx is no news of the
// kubelet: it changes nothing, and the pods stay due.
func (p *Poller) askPods(ctx context.Context) {
	before := p.Latest()
	podsAt := time.Now()
	p.podsAskedAt = podsAt
	pods, podsErr := p.client.Pods(ctx)
	runningAt := time.Now()
	running, runningErr := p.client.RunningPods(ctx)
	ended := ctx.Err() != nil
	p.closed(podsErr)
	p.closed(runningErr)
	p.update(func(s *Snapshot) {
		if podsErr == nil {
			s.Pods = Answered(pods.Items, podsAt)
		} else if !ended {
			s.Pods = s.Pods.Failed(cause(podsErr))
		}
		if runningErr == nil {
			s.Running = Answered(running.Items, runningAt)
			s.seen = sight(s.seen, running.Items, runningAt)
		} else if !ended {
			s.Running = s.Running.Failed(cause(runningErr))
		}
		p.name(s)
	})
	changed := podsDiffer(before, p.Latest())
	now := time.Now()
	p.podsWait = min(p.podsWait+podsSlowdown, p.cfg.PodsIdle)
	if changed {
		p.podsWait, p.changedAt = p.cfg.Pods, now
		signal(p.wake)
	}
	if !ended {
		p.next.pods = now.Add(p.podsPeriod(now))
	}
}

// askSummary asks for the resource usage. An unhealthy kubelet is not burdened with it.
func (p *Poller) askSummary(ctx context.Context) {
	at := time.Now()
	p.next.summary = at.Add(p.cfg.Summary)
	if !p.Latest().Healthy {
		return
	}
	summary, err := p.client.Summary(ctx)
	before := p.Latest()
	p.update(func(s *Snapshot) {
		s.Summary = s.Summary.next(summary, at, err)
		p.name(s)
	})
	if after := p.Latest(); before.Node != after.Node || state(before.Stranger) != state(after.Stranger) {
		signal(p.wake)
	}
	p.next.summary = time.Now().Add(p.cfg.Summary)
}

// askConfig asks for the configuration. It comes before the pods: where the kubelet takes them from has to be known
// before anything is written there. A failure that comes from the end of ctx changes nothing.
func (p *Poller) askConfig(ctx context.Context) {
	at := time.Now()
	p.next.config = at.Add(configRetry)
	before := p.Latest()
	if !before.Healthy {
		return
	}
	config, err := p.client.Configz(ctx)
	if err != nil && ctx.Err() != nil {
		p.next.config = time.Time{}
		return
	}
	p.update(func(s *Snapshot) { s.Config = s.Config.next(config, at, err) })
	if err == nil {
		p.next.config = time.Now().Add(configRefresh)
	}
	if last := before.Config.Last(); err == nil && (last == nil || last.StaticPodPath != config.StaticPodPath) {
		signal(p.wake)
	}
}

// askVersion asks for the version. While it cannot be had, the last one that was told stays.
func (p *Poller) askVersion(ctx context.Context) {
	p.next.version = time.Now().Add(configRetry)
	before := p.Latest()
	if !before.Healthy {
		return
	}
	version, err := p.client.Version(ctx)
	if err != nil {
		return
	}
	p.update(func(s *Snapshot) { s.Version = version })
	if version != before.Version {
		signal(p.wake)
	}
	p.next.version = time.Now().Add(configRefresh)
}

// closed notes that nobody listened where the kubelet does: it restarts, maybe as another version or with another
// configuration.
func (p *Poller) closed(err error) {
	p.restarts = p.restarts || errors.Is(err, syscall.ECONNREFUSED)
}

// podsDiffer reports whether two snapshots differ in something of their pods that the agent acts on.
func podsDiffer(a, b *Snapshot) bool {
	if state(a.Pods.err) != state(b.Pods.err) || state(a.Running.err) != state(b.Running.err) ||
		a.Pods.at.IsZero() != b.Pods.at.IsZero() || a.Node != b.Node {
		return true
	}
	return !maps.Equal(digests(a.Pods.last), digests(b.Pods.last)) ||
		!maps.Equal(digests(a.Running.last), digests(b.Running.last))
}

// name takes the name of the kubelet's node from the answers that hold and are of this run of it. One that is not this
// host's counts more than one that is; where none has a name, the one before stays.
func (p *Poller) name(s *Snapshot) {
	take := func(op, name string) {
		if name != "" {
			s.Node, s.Stranger = name, stranger(op, p.client.address(), name, p.cfg.Node)
		}
	}
	if pods, ok := s.Pods.Now(); ok && !s.Pods.at.Before(s.Since) {
		name := nodeNameOf(pods, p.cfg.Node)
		if take(opPods, name); name != "" && s.Stranger != nil {
			return
		}
	}
	if summary, ok := s.Summary.Now(); ok && !s.Summary.at.Before(s.Since) {
		take(opSummary, summary.Node.NodeName)
	}
}

// digest is what the agent acts on in a pod.
type digest struct {
	name     types.NamespacedName
	phase    corev1.PodPhase
	reason   string
	ready    bool
	restarts int64
	// waits are the reasons of the containers that wait, in their order.
	waits string
}

func digests(pods []corev1.Pod) map[types.UID]digest {
	out := make(map[types.UID]digest, len(pods))
	for i := range pods {
		pod := &pods[i]
		out[pod.UID] = digest{
			name:     types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name},
			phase:    pod.Status.Phase,
			reason:   pod.Status.Reason,
			ready:    PodReady(pod),
			restarts: restarts(pod),
			waits:    waits(pod),
		}
	}
	return out
}

// waits are why containers of the pod wait, as one word after the other.
func waits(pod *corev1.Pod) (words string) {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if w := list[i].State.Waiting; w != nil {
				words += " " + w.Reason
			}
		}
	}
	return words
}

// cause returns the Error of a failure, nil where there is none.
func cause(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{State: BadAnswer, Err: err}
}

// state returns the state of a failure, empty where there is none.
func state(e *Error) State {
	if e == nil {
		return ""
	}
	return e.State
}
