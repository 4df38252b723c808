package node

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (m *Manager) due(now time.Time) bool {
	since := now.Sub(m.sampledAt)
	return m.sampledAt.IsZero() || since >= SampleInterval || since < 0
}

// Update looks at everything: the files, the conditions, the host. It returns whether the node is another than after
// the Update before, and how long until something is known to need the next one, which is never more than
// SampleInterval.
func (m *Manager) Update(now time.Time, in Inputs) (changed bool, next time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.in == nil {
		m.pressure = resume(m.times.Conditions, now)
	}
	m.in = &in
	m.refresh(now)
	if m.due(now) {
		m.evaluate(now)
	}
	m.rebuild(now)
	current := m.node.Load()
	changed = current != m.lastReported
	m.lastReported = current
	return changed, m.next(now)
}

func (m *Manager) refresh(now time.Time) {
	m.files.refresh(now)
	m.drops.refresh(now)
	m.logProblems()
}

// evaluate samples the host and judges the pressure.
func (m *Manager) evaluate(now time.Time) {
	m.sampledAt = now
	m.host = m.cfg.Host()
	m.thresholds = m.cfg.Thresholds()
	m.sample, m.sampleErr = Sample{}, nil
	if m.in.Summary != nil {
		m.sample = SampleFromSummary(m.in.Summary)
	}
	if !m.sample.complete() {
		own, err := m.cfg.Sampler.Sample()
		m.sampleErr = err
		if m.in.Summary == nil {
			m.sample = own
		} else {
			m.sample = m.sample.fill(own)
		}
	}
	m.pressure = Evaluate(m.pressure, m.sample, m.thresholds, now)
}

// rebuild makes the node anew and puts it in place if it is another one.
func (m *Manager) rebuild(now time.Time) {
	var all []corev1.NodeCondition
	if m.in != nil {
		all = conditions(*m.in, m.pressure, m.thresholds, m.drops.good, now)
		transition(m.times.Conditions, all, now)
	}
	m.view = newView(m.cfg.Name, m.files.merged, m.runtime, all)
	taints := make([]corev1.Taint, len(m.view.taints))
	for i, t := range m.view.taints {
		taints[i] = t.taint
	}
	times := m.times.TaintTimes.stamp(taints, now)
	if m.in != nil {
		m.keep(all, times)
	}
	node := m.assemble(taints, all)
	if old := m.node.Load(); old == nil || !equality.Semantic.DeepEqual(old, node) {
		m.logChanges(old, node)
		m.node.Store(node)
	}
}

// Persist keeps on disk what the node files say, for the case that one of them is bad after a restart. It is apart from
// Update so that a changed label takes effect before the disk is waited for: the caller calls it when it has acted.
// What a crash in between can lose is what was in effect for that moment only.
func (m *Manager) Persist() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.files.persist(); err != nil {
		return fmt.Errorf("keep what the node files say: %w", err)
	}
	return nil
}

// keep puts the times on disk before they are shown.
func (m *Manager) keep(all []corev1.NodeCondition, times taintTimes) {
	m.times.Conditions, m.times.TaintTimes = all, times
	m.timesErr = m.timesStore.save(m.times)
}

func (m *Manager) assemble(taints []corev1.Taint, all []corev1.NodeCondition) *corev1.Node {
	version := ""
	if m.in != nil {
		version = m.in.KubeletVersion
	}
	n := &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{
			Name: m.cfg.Name, CreationTimestamp: m.times.Created,
			Labels: values(m.view.labels), Annotations: values(m.files.merged.annotations),
		},
		Spec:   corev1.NodeSpec{Taints: taints, Unschedulable: m.view.unschedulable.value == "true"},
		Status: m.host.status(m.cfg.Name, version),
	}
	n.Status.Conditions = all
	return n
}

func values(m map[string]sourced) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for key, s := range m {
		out[key] = s.value
	}
	return out
}

// next is how long until something is due.
func (m *Manager) next(now time.Time) time.Duration {
	next := m.sampledAt.Add(SampleInterval).Sub(now)
	next = soonest(next, m.files.wait)
	next = soonest(next, m.drops.wait)
	next = soonest(next, m.drops.expiry(now))
	if m.files.saveErr != nil || m.timesErr != nil {
		next = soonest(next, retryInterval)
	}
	return max(next, time.Millisecond)
}

// SetRuntime makes runtime changes, all of them or, with an error, none. They are on disk before they take effect. A
// *PatchError says what is wrong with the patch; any other error that the changes could not be kept.
func (m *Manager) SetRuntime(p Patch) (Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	after, result, err := apply(m.runtime, p, m.view)
	if err != nil || !result.Changed {
		return result, err
	}
	if err := m.runtimeStore.save(after); err != nil {
		return Result{}, fmt.Errorf("keep the runtime changes: %w", err)
	}
	m.runtime = after
	m.rebuild(time.Now())
	m.poke()
	return result, nil
}

// Wake is sent to when a new Update may find something. One receive stands for any number of reasons.
func (m *Manager) Wake() <-chan struct{} { return m.wake }

func (m *Manager) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
