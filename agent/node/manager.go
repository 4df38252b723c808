package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
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

// New reads what was in effect when the agent last ran, and then the files. It fails when the configuration is
// unusable, when the state directory cannot be made, or when it holds state that neither can be read nor be gone on
// without.
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

// Lost is what was damaged or gone of the node's own files in the state directory when the Manager was made.
func (m *Manager) Lost() diag.List { return slices.Clone(m.startedWith) }

func (m *Manager) conditionsDir() string {
	if m.cfg.RuntimeDir == "" {
		return ""
	}
	return filepath.Join(m.cfg.RuntimeDir, "conditions.d")
}

// Node is the node as it now is. It is the same pointer as long as nothing changed, and must not be modified. Before
// the first Update it has no conditions, and none of the taints that they imply.
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

func (m *Manager) problems() diag.List {
	all := append(diag.List{}, m.startedWith...)
	all = append(all, m.files.problems...)
	all = append(all, m.drops.problems...)
	if m.files.saveErr != nil {
		all = append(all, diag.Problem{
			Severity: diag.Warning, File: m.files.store.path, Message: "what the node files say could not be kept: " +
				m.files.saveErr.Error(),
			Hint: "it is in effect, and would be missing after a restart if a file were bad then",
		})
	}
	if m.timesErr != nil {
		all = append(all, diag.Problem{
			Severity: diag.Warning, File: m.timesStore.path, Message: "the times of conditions and taints could not be kept: " +
				m.timesErr.Error(),
			Hint: "they are in effect, and would begin anew after a restart",
		})
	}
	all.Sort()
	return all
}
