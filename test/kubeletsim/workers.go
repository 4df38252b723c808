package kubeletsim

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// phase is where a worker stands.
type phase int

const (
	// waiting for another pod of the same name to end.
	waiting phase = iota
	starting
	running
	// backingOff: its containers have ended, and are started again later.
	backingOff
	// ended: its containers could not be started, and are not tried again.
	ended
	terminating
	finished
)

// worker drives one UID through its life, once (pkg/kubelet/pod_workers.go).
type worker struct {
	pod   *corev1.Pod
	phase phase
	// due is when the next step is to be taken; zero when none is.
	due time.Time
	// restart is set when the same UID was added again after its end had begun; housekeeping starts it anew.
	restart bool

	startedAt  time.Time
	ready      bool
	readySince metav1.Time
	restarts   int32
	// image is the one that is being pulled, unpulled the one that could not be, tries how often that was tried.
	image, unpulled string
	tries           int32
	// readyAt, loseAt and exitAt are when the containers become ready, are not any more, and end; zero: never.
	readyAt, loseAt, exitAt time.Time
}

func (w *worker) ending() bool { return w.phase >= terminating }

// worker returns the worker of a pod that has not ended. The caller holds k.mu.
func (k *Kubelet) worker(name string) *worker {
	for _, w := range k.workers {
		if fullName(w.pod) == name && !w.ending() {
			return w
		}
	}
	return nil
}

// start makes the worker of a pod, or asks for its restart where it is ending (UpdatePod with SyncPodCreate).
func (k *Kubelet) start(pod *corev1.Pod) {
	if w := k.workers[pod.UID]; w != nil {
		if w.ending() {
			w.restart = true
			k.note(KindQueued, pod, "the same pod is still ending")
		}
		return
	}
	w := &worker{pod: pod}
	k.workers[pod.UID] = w
	k.queue[fullName(pod)] = append(k.queue[fullName(pod)], pod.UID)
	k.tryStart(w)
}

// tryStart starts a pod unless another of the same name has started and not ended, or stands before it in the queue
// (allowStaticPodStart). A pod that may not start is looked at again after 10 to 15 s, however soon the other ends.
func (k *Kubelet) tryStart(w *worker) {
	name, uid := fullName(w.pod), w.pod.UID
	if !k.mayStart(name, uid) {
		w.due = time.Now().Add(k.jitter(backOffPeriod))
		k.note(KindQueued, w.pod, "another pod of the same name has not ended")
		return
	}
	k.started[name] = uid
	if since, restarts, ok := k.opts.Runtime.adopt(uid); ok {
		// Its containers outlived a restart of the kubelet.
		w.phase, w.startedAt, w.restarts = running, since, restarts
		k.scheduleReady(w)
		return
	}
	w.phase, w.due = starting, time.Now().Add(k.opts.Behaviour(w.pod).Start)
}

// mayStart reports whether the pod is the one of its name that may start, and takes it out of the queue if so.
func (k *Kubelet) mayStart(name string, uid types.UID) bool {
	if other, ok := k.started[name]; ok {
		return other == uid
	}
	queue := slices.DeleteFunc(k.queue[name], func(u types.UID) bool {
		w := k.workers[u]
		return w == nil || w.ending()
	})
	k.queue[name] = queue
	if len(queue) > 0 && queue[0] != uid {
		return false
	}
	k.queue[name] = slices.DeleteFunc(queue, func(u types.UID) bool { return u == uid })
	if len(k.queue[name]) == 0 {
		delete(k.queue, name)
	}
	return true
}

// kill begins the end of a pod. A grace of 0 is the pod's own. The caller holds k.mu.
func (k *Kubelet) kill(uid types.UID, grace time.Duration) {
	w := k.workers[uid]
	switch {
	case w == nil:
	case w.ending():
		// A removal takes back the wish to start it again.
		w.restart = false
	case w.phase == waiting:
		w.phase, w.due = finished, time.Time{}
	default:
		k.setReady(w, false)
		w.phase, w.due = terminating, time.Now().Add(k.stopTime(w.pod, grace))
		k.note(KindStopping, w.pod, "")
	}
}

// stopTime is how long the containers take to stop: never longer than the grace period, which is at least 1 s
// (calculateEffectiveGracePeriod).
func (k *Kubelet) stopTime(pod *corev1.Pod, grace time.Duration) time.Duration {
	if grace == 0 && pod.Spec.TerminationGracePeriodSeconds != nil {
		grace = time.Duration(*pod.Spec.TerminationGracePeriodSeconds) * time.Second
	}
	grace = max(grace, time.Second)
	if stop := k.opts.Behaviour(pod).Stop; stop >= 0 {
		return min(stop, grace)
	}
	return grace
}

// advance takes the step of a worker that is due.
func (k *Kubelet) advance(w *worker) {
	w.due = time.Time{}
	switch w.phase {
	case waiting:
		k.tryStart(w)
	case starting:
		if k.opts.Behaviour(w.pod).Waits != "" {
			return
		}
		if k.pull(w) {
			return
		}
		if impossible(w.pod) {
			w.phase = ended
			k.note(KindFailed, w.pod, startError)
			return
		}
		w.phase, w.startedAt = running, time.Now()
		k.run(w)
		k.scheduleReady(w)
	case running:
		k.live(w)
	case backingOff:
		w.phase, w.startedAt = running, time.Now()
		k.scheduleReady(w)
	case terminating:
		k.opts.Runtime.stop(w.pod.UID)
		k.note(KindStopped, w.pod, "")
		w.phase = finished
		if k.started[fullName(w.pod)] == w.pod.UID {
			delete(k.started, fullName(w.pod))
		}
	case ended, finished:
	}
}

// run starts the containers and looks for another pod of the same owner that still has some.
func (k *Kubelet) run(w *worker) {
	owner := k.opts.Owner(w.pod)
	k.note(KindStarted, w.pod, "")
	for _, other := range k.opts.Runtime.run(w.pod, owner) {
		k.note(KindOverlap, w.pod, fmt.Sprintf("%s of %s still runs", other, owner))
	}
}

// scheduleReady is the life of containers that were just started.
func (k *Kubelet) scheduleReady(w *worker) {
	b, now := k.opts.Behaviour(w.pod), time.Now()
	w.readyAt, w.loseAt, w.exitAt = time.Time{}, time.Time{}, time.Time{}
	if b.Ready >= 0 {
		w.readyAt = now.Add(b.Ready)
	}
	if b.Lose > 0 {
		w.loseAt = now.Add(b.Lose)
	}
	if b.Exit > 0 {
		w.exitAt = now.Add(b.Exit)
	}
	w.await()
}

// await is due when the next thing happens to the containers.
func (w *worker) await() {
	w.due = time.Time{}
	for _, at := range []time.Time{w.readyAt, w.loseAt, w.exitAt} {
		if !at.IsZero() && (w.due.IsZero() || at.Before(w.due)) {
			w.due = at
		}
	}
}

// live has happen to running containers what is due.
func (k *Kubelet) live(w *worker) {
	now := time.Now()
	due := func(at *time.Time) bool {
		if at.IsZero() || now.Before(*at) {
			return false
		}
		*at = time.Time{}
		return true
	}
	if due(&w.readyAt) {
		k.setReady(w, true)
	}
	if due(&w.loseAt) {
		k.setReady(w, false)
	}
	if !due(&w.exitAt) {
		w.await()
		return
	}
	k.setReady(w, false)
	w.phase, w.due = backingOff, now.Add(restartDelay(w.restarts))
	w.restarts++
	k.opts.Runtime.count(w.pod.UID, w.restarts)
	k.note(KindRestarted, w.pod, "")
}

// restartDelay is how long the kubelet waits before it starts a container again that has ended, after so many restarts
// (doBackOff in pkg/kubelet/kuberuntime/kuberuntime_manager.go).
func restartDelay(restarts int32) time.Duration {
	if restarts == 0 {
		return 0
	}
	return min(crashBackOff<<min(restarts-1, 10), maxCrashBackOff)
}

func (k *Kubelet) setReady(w *worker, ready bool) {
	if ready == w.ready {
		return
	}
	w.ready, w.readySince = ready, metav1.Now()
	k.opts.Runtime.count(w.pod.UID, w.restarts)
	if ready {
		k.note(KindReady, w.pod, "")
	}
}

// jitter stretches a period by up to half of it (wait.Jitter).
func (k *Kubelet) jitter(d time.Duration) time.Duration {
	return d + time.Duration(k.rng.Float64()*backOffJitter*float64(d))
}
