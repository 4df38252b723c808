package node

import (
	"cmp"
	"slices"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// logProblems says each problem once, when it appears, and when the last one of a file is gone.
func (m *Manager) logProblems() {
	said := map[string]bool{}
	files := map[string]bool{}
	for _, p := range m.problems() {
		said[p.String()] = true
		if p.Severity == diag.Error {
			files[p.File] = true
		}
		if !m.said[p.String()] {
			m.logProblem(p)
		}
	}
	for file := range m.badFiles {
		if !files[file] {
			m.log.Info().Str(logfield.File, file).Msg("file is in order again")
		}
	}
	m.said, m.badFiles = said, files
}

func (m *Manager) logProblem(p diag.Problem) {
	level := zerolog.WarnLevel
	if p.Severity == diag.Error {
		level = zerolog.ErrorLevel
	}
	m.log.WithLevel(level).Str(logfield.File, p.File).Int(logfield.Line, p.Line).Int(logfield.Column, p.Column).
		Str(logfield.Detail, p.Message).Str(logfield.Hint, p.Hint).Msg("something is wrong with a file of the node")
}

// logChanges says what became different. old may be nil.
func (m *Manager) logChanges(old, node *corev1.Node) {
	if old == nil {
		return
	}
	m.logConditions(old.Status.Conditions, node.Status.Conditions)
	for _, key := range changedKeys(old.Labels, node.Labels) {
		m.log.Info().Str(logfield.Key, key).Str(logfield.From, old.Labels[key]).Str(logfield.To, node.Labels[key]).
			Msg("label changed")
	}
	m.logTaints("taint added", node.Spec.Taints, old.Spec.Taints)
	m.logTaints("taint removed", old.Spec.Taints, node.Spec.Taints)
}

func (m *Manager) logConditions(before, after []corev1.NodeCondition) {
	for _, c := range after {
		i := slices.IndexFunc(before, func(b corev1.NodeCondition) bool { return b.Type == c.Type })
		from := ""
		if i >= 0 {
			from = string(before[i].Status)
		}
		if from != string(c.Status) {
			m.log.Info().Str(logfield.Condition, string(c.Type)).Str(logfield.From, from).Str(logfield.To, string(c.Status)).
				Str(logfield.Reason, c.Reason).Str(logfield.Detail, c.Message).
				Msgf("node condition %s is %s, was %s (%s: %s)", c.Type, c.Status, cmp.Or(from, "not there"), c.Reason, c.Message)
		}
	}
	for _, b := range before {
		if !slices.ContainsFunc(after, func(c corev1.NodeCondition) bool { return b.Type == c.Type }) {
			m.log.Info().Str(logfield.Condition, string(b.Type)).Str(logfield.From, string(b.Status)).Msg("condition is gone")
		}
	}
}

func (m *Manager) logTaints(message string, in, notIn []corev1.Taint) {
	for _, t := range in {
		same := func(o corev1.Taint) bool { return sameTaint(o, t) && o.Value == t.Value }
		if !slices.ContainsFunc(notIn, same) {
			m.log.Info().Str(logfield.Key, t.ToString()).Msg(message)
		}
	}
}

// changedKeys is the keys that one map has and the other has not, or with another value, sorted.
func changedKeys(a, b map[string]string) []string {
	keys := map[string]bool{}
	for key, value := range a {
		if other, ok := b[key]; !ok || other != value {
			keys[key] = true
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			keys[key] = true
		}
	}
	return sortedKeys(keys)
}
