package node

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// Description is the node with where everything in it comes from, for people. Its JSON is part of the API.
type Description struct {
	Name          string          `json:"name"`
	Labels        []Described     `json:"labels"`
	Annotations   []Described     `json:"annotations,omitempty"`
	Taints        []TaintInfo     `json:"taints,omitempty"`
	Unschedulable Described       `json:"unschedulable"`
	Conditions    []ConditionInfo `json:"conditions,omitempty"`
	// Signals is what the pressure conditions were judged by, SampleSource where it came from (kubelet, proc or
	// kubelet+proc), SampleError what could not be read.
	Signals      []SignalState `json:"signals,omitempty"`
	SampleSource string        `json:"sampleSource,omitempty"`
	SampleError  string        `json:"sampleError,omitempty"`
	Files        []FileInfo    `json:"files,omitempty"`
	Problems     diag.List     `json:"problems,omitempty"`
}

// Described is a key with its value in effect.
type Described struct {
	Key    string `json:"key,omitempty"`
	Value  string `json:"value"`
	Origin Origin `json:"origin,omitempty"`
	// Shadowed is the runtime change that has no effect because a file says otherwise; nil when there is none.
	Shadowed *string `json:"shadowedRuntimeValue,omitempty"`
}

// TaintInfo is a taint with its origin.
type TaintInfo struct {
	corev1.Taint `json:",inline"`
	Origin       Origin `json:"origin"`
	// Shadowed is the value of the runtime taint that has no effect because of this one; nil when there is none.
	Shadowed *string `json:"shadowedRuntimeValue,omitempty"`
}

// ConditionInfo is a condition with its origin: OriginKubelet, or the file in conditions.d.
type ConditionInfo struct {
	corev1.NodeCondition `json:",inline"`
	Origin               Origin `json:"origin"`
}

// FileInfo is a node file and what of it is in effect.
type FileInfo struct {
	Path   string     `json:"path"`
	Status FileStatus `json:"status"`
}

// Describe returns the node with all origins. Everything in it is sorted, but for the conditions, which stand as in the
// node.
func (m *Manager) Describe() Description {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := Description{
		Name: m.cfg.Name, Annotations: describe(m.files.merged.annotations, nil),
		Labels:        describe(m.view.labels, m.runtime.Labels),
		Taints:        m.describeTaints(),
		Unschedulable: m.describeCordon(),
		Conditions:    m.describeConditions(),
		Signals:       slices.Clone(m.pressure.Signals), SampleSource: m.sample.Source,
		Problems: m.problems(),
	}
	if m.sampleErr != nil {
		d.SampleError = m.sampleErr.Error()
	}
	for _, path := range sortedKeys(m.files.status) {
		d.Files = append(d.Files, FileInfo{path, m.files.status[path]})
	}
	return d
}

func describe(all map[string]sourced, runtimeValues map[string]string) []Described {
	var out []Described
	for _, key := range sortedKeys(all) {
		s := all[key]
		one := Described{Key: key, Value: s.value, Origin: s.origin}
		if other, ok := runtimeValues[key]; ok && s.origin != OriginRuntime && other != s.value {
			one.Shadowed = &other
		}
		out = append(out, one)
	}
	return out
}

func (m *Manager) describeTaints() []TaintInfo {
	var out []TaintInfo
	for i, s := range m.view.taints {
		info := TaintInfo{Taint: m.node.Load().Spec.Taints[i], Origin: s.origin}
		for _, r := range m.runtime.Taints {
			if sameTaint(r, s.taint) && s.origin != OriginRuntime && r.Value != s.taint.Value {
				info.Shadowed = &r.Value
			}
		}
		out = append(out, info)
	}
	return out
}

func (m *Manager) describeCordon() Described {
	d := Described{Value: m.view.unschedulable.value, Origin: m.view.unschedulable.origin}
	if on := "true"; m.runtime.Unschedulable && d.Value != on {
		d.Shadowed = &on
	}
	return d
}

func (m *Manager) describeConditions() []ConditionInfo {
	var out []ConditionInfo
	for _, c := range m.node.Load().Status.Conditions {
		origin := OriginKubelet
		if message, _ := refusedType(c.Type); message == "" {
			origin = fileOrigin(m.conditionsDir()+"/"+string(c.Type), 1)
		}
		out = append(out, ConditionInfo{c, origin})
	}
	return out
}

// File is the path that an origin names; false when it is no file.
func (o Origin) File() (string, bool) {
	rest, ok := strings.CutPrefix(string(o), "file:")
	if !ok {
		return "", false
	}
	return rest[:max(strings.LastIndexByte(rest, ':'), 0)], true
}
