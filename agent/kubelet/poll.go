package kubelet

import (
	"context"
	"errors"
	"maps"
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
		s.Healthy, s.HealthAt, s.HealthErr = healthy, now, failure
		if flipped || s.Since.IsZero() {
			s.Since = now
		}
	})
	if flipped && healthy {
		// It may be another kubelet than before: everything is asked anew.
		p.next.pods, p.next.summary, p.next.config = time.Time{}, time.Time{}, time.Time{}
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
	p.update(func(s *Snapshot) {
		if !ended {
			s.PodsErr, s.RunningErr = cause(podsErr), cause(runningErr)
		}
		if podsErr == nil {
			s.Pods, s.PodsAt = pods.Items, podsAt
		}
		if runningErr == nil {
			s.Running, s.RunningAt = running.Items, runningAt
			s.seen = sight(s.seen, running.Items, runningAt)
		}
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
	p.update(func(s *Snapshot) {
		s.SummaryErr = cause(err)
		if err == nil {
			s.Summary, s.SummaryAt = summary, at
		}
	})
	p.next.summary = time.Now().Add(p.cfg.Summary)
}

// askConfig asks for the configuration and, where it is not known since the kubelet came up, for the version.
func (p *Poller) askConfig(ctx context.Context) {
	at := time.Now()
	p.next.config = at.Add(configRetry)
	if !p.Latest().Healthy {
		return
	}
	config, err := p.client.Configz(ctx)
	version := p.Latest().Version
	if version == "" || p.Latest().ConfigAt.Before(p.Latest().Since) {
		version, _ = p.client.Version(ctx)
	}
	p.update(func(s *Snapshot) {
		s.ConfigErr, s.Version = cause(err), version
		if err == nil {
			s.Config, s.ConfigAt = config, at
		}
	})
	if err == nil && version != "" {
		p.next.config = time.Now().Add(configRefresh)
	}
}

// podsDiffer reports whether two snapshots differ in something of their pods that the agent acts on.
func podsDiffer(a, b *Snapshot) bool {
	if state(a.PodsErr) != state(b.PodsErr) || state(a.RunningErr) != state(b.RunningErr) ||
		a.PodsAt.IsZero() != b.PodsAt.IsZero() {
		return true
	}
	return !maps.Equal(digests(a.Pods), digests(b.Pods)) || !maps.Equal(digests(a.Running), digests(b.Running))
}

// digest is what the agent acts on in a pod.
type digest struct {
	name     types.NamespacedName
	phase    corev1.PodPhase
	reason   string
	ready    bool
	restarts int64
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
		}
	}
	return out
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
