package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/manifests/diag"
)

// Manager knows the node. Its methods can be called from several goroutines.
type Manager struct {
	cfg  Config
	log  zerolog.Logger
	wake chan struct{}
	node atomic.Pointer[corev1.Node]

	mu    sync.Mutex
	files nodeFiles
	drops dropIns
	// runtime is what is in effect and on disk.
	runtime      runtimeState
	runtimeStore kept[runtimeState]
	// times is what is in effect; it may be newer than what is on disk when the disk is full.
	times      keptTimes
	timesStore kept[keptTimes]
	timesErr   error // why they could not be kept

	in           *Inputs // nil before the first Update
	host         Host
	pressure     State
	thresholds   Thresholds
	sampledAt    time.Time
	sample       Sample
	sampleErr    error
	view         view
	startedWith  diag.List       // what was wrong in the state directory
	said         map[string]bool // problems that are in the log
	badFiles     map[string]bool
	lastReported *corev1.Node
}

// keptTimes is what has to be the same after a restart; its JSON names are there to stay.
type keptTimes struct {
	// Created is when this state directory was first used: the node's creationTimestamp.
	Created    metav1.Time            `json:"created"`
	Conditions []corev1.NodeCondition `json:"conditions,omitempty"`
	TaintTimes taintTimes             `json:"taintTimes,omitempty"`
}

// New reads what was in effect when the agent last ran, and then the files. It fails when the configuration is unusable,
// when the state directory cannot be made, or when it holds state that neither can be read nor be gone on without.
func New(cfg Config) (*Manager, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(cfg.StateDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	m := &Manager{
		cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1), files: newNodeFiles(cfg), said: map[string]bool{},
		runtimeStore: kept[runtimeState]{path: filepath.Join(cfg.StateDir, "node-runtime.json"), copies: true},
		timesStore:   kept[keptTimes]{path: filepath.Join(cfg.StateDir, "node-state.json")},
	}
	if err := m.load(); err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	now := time.Now()
	m.host = cfg.Host()
	m.refresh(now)
	m.rebuild(now)
	return m, nil
}

// load reads the state directory.
func (m *Manager) load() error {
	var errs [3]error
	var problems [3]diag.List
	m.runtime, problems[0], errs[0] = m.runtimeStore.load()
	problems[1], errs[1] = m.files.load()
	m.times, problems[2], errs[2] = m.timesStore.load()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	for _, list := range problems {
		m.startedWith = append(m.startedWith, list...)
	}
	if m.times.Created.IsZero() {
		m.times.Created = second(time.Now())
	}
	m.drops = newDropIns(m.conditionsDir(), m.times.Conditions)
	if len(problems[0]) > 0 {
		return m.runtimeStore.save(m.runtime)
	}
	return nil
}

func (m *Manager) conditionsDir() string {
	if m.cfg.RuntimeDir == "" {
		return ""
	}
	return filepath.Join(m.cfg.RuntimeDir, "conditions.d")
}

// Node is the node as it now is. It is the same pointer as long as nothing changed, and must not be modified. Before the
// first Update it has no conditions, and none of the taints that they imply.
func (m *Manager) Node() *corev1.Node { return m.node.Load() }

// Reload reads the files again and returns all that is wrong with them and with the state directory, sorted. It is
// cheap when nothing changed. A file that is being written is read by a later Reload or Update.
func (m *Manager) Reload() diag.List {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.refresh(now)
	m.rebuild(now)
	return m.problems()
}

// Problems is what the last look at the files found wrong, without looking again.
func (m *Manager) Problems() diag.List {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.problems()
}

func (m *Manager) problems() diag.List {
	all := append(diag.List{}, m.startedWith...)
	all = append(all, m.files.problems...)
	all = append(all, m.drops.problems...)
	if m.timesErr != nil {
		all = append(all, diag.Problem{
			Severity: diag.Warning, File: m.timesStore.path, Message: "the times of conditions and taints could not be kept: " + m.timesErr.Error(),
			Hint: "they are in effect, and would begin anew after a restart",
		})
	}
	all.Sort()
	return all
}

// SampleDue says whether the Update after now will evaluate pressure, so that it needs fresh statistics.
func (m *Manager) SampleDue(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.due(now)
}

func (m *Manager) due(now time.Time) bool {
	since := now.Sub(m.sampledAt)
	return m.sampledAt.IsZero() || since >= SampleInterval || since < 0
}

// Update looks at everything: the files, the conditions, the host. It returns whether the node is another than after the
// Update before, and how long until something is known to need the next one, which is never more than SampleInterval.
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
	if m.files.unsaved || m.timesErr != nil {
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
