package node

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// State is what the evaluation of pressure has to remember from one sample to the next. The zero value remembers
// nothing. A State is never changed after it was returned.
type State struct {
	// LastMet is when a threshold of the condition was met last; a condition that is not in it is not under pressure.
	LastMet map[corev1.NodeConditionType]time.Time
	// Sampled has the conditions of which at least one signal has been observed, ever.
	Sampled map[corev1.NodeConditionType]bool
	// Pressure has the conditions that are raised now.
	Pressure map[corev1.NodeConditionType]bool
	// Signals has one entry per threshold, in the order of Thresholds.List, as of the last sample.
	Signals []SignalState

	// firstMet is since when a threshold, by id, has been met without a break.
	firstMet map[string]time.Time
	// binding has the thresholds, by id, that were met for their grace period at the last sample: those stay met until
	// their minimum reclaim is reached as well.
	binding map[string]bool
}

// SignalState is one threshold with what was observed for it, for people to read.
type SignalState struct {
	Signal Signal `json:"signal"`
	// Threshold is the setting, such as 10%; Limit what it comes to here, and Available what there is. Limit and
	// Available are empty when the signal was not observed.
	Threshold string `json:"threshold"`
	Limit     string `json:"limit,omitempty"`
	Available string `json:"available,omitempty"`
	Met       bool   `json:"met"`
}

// Status is the condition's status: Unknown as long as thresholds for it exist and nothing was ever observed for them.
// Without any threshold it is False for ever, as in the kubelet (which is PIDPressure by default).
func (s State) Status(c corev1.NodeConditionType, th Thresholds) corev1.ConditionStatus {
	switch {
	case s.Pressure[c]:
		return corev1.ConditionTrue
	case s.Sampled[c] || !th.has(c):
		return corev1.ConditionFalse
	}
	return corev1.ConditionUnknown
}

func (th Thresholds) has(c corev1.NodeConditionType) bool {
	return slices.ContainsFunc(th.List, func(t Threshold) bool { return t.Signal.condition() == c })
}

func (th Thresholds) period() time.Duration {
	if th.TransitionPeriod == 0 {
		return DefaultTransitionPeriod
	}
	return th.TransitionPeriod
}

// Evaluate compares one sample with the thresholds, by the rules of synchronize in
// pkg/kubelet/eviction/eviction_manager.go:
//
//   - a threshold is met while available < threshold, strictly; a percentage is one of the capacity in the sample;
//   - a signal that the sample lacks counts as not met; a sample without anything leaves all as it was;
//   - a condition is raised by the first threshold that is met, soft ones too, whatever their grace period;
//   - it is lowered when no threshold of it has been met for the transition period;
//   - a threshold that was met for its grace period stays met until available >= threshold + minimum reclaim.
//
// now has to come from one clock throughout and may stand still; prev is not changed.
func Evaluate(prev State, sample Sample, th Thresholds, now time.Time) State {
	observed := sample.signals()
	if len(observed) == 0 {
		return prev
	}
	next := State{
		LastMet: map[corev1.NodeConditionType]time.Time{}, Sampled: map[corev1.NodeConditionType]bool{},
		Pressure: map[corev1.NodeConditionType]bool{}, firstMet: map[string]time.Time{}, binding: map[string]bool{},
	}
	maps.Copy(next.LastMet, prev.LastMet)
	maps.Copy(next.Sampled, prev.Sampled)
	for _, t := range th.List {
		next.judge(prev, t, observed, now)
	}
	next.raise(th.period(), now)
	return next
}

// judge looks at one threshold.
func (s *State) judge(prev State, t Threshold, observed map[Signal]observation, now time.Time) {
	c, id := t.Signal.condition(), t.id()
	o, ok := observed[t.Signal]
	report := SignalState{Signal: t.Signal, Threshold: t.Value.String()}
	if ok {
		s.Sampled[c] = true
		limit := t.Value.of(o.capacity)
		report.Limit, report.Available = limit.String(), o.String()
		report.Met = o.below(limit) || (prev.binding[id] && t.MinReclaim != nil &&
			o.below(sum(limit, t.MinReclaim.of(o.capacity))))
	}
	s.Signals = append(s.Signals, report)
	if !report.Met {
		return
	}
	first, ok := prev.firstMet[id]
	if !ok {
		first = now
	}
	s.firstMet[id] = first
	s.binding[id] = now.Sub(first) >= t.GracePeriod
	s.LastMet[c] = now
}

// raise holds each condition for the transition period after it was last met, and forgets those that are over.
func (s *State) raise(period time.Duration, now time.Time) {
	for c, at := range s.LastMet {
		if now.Sub(at) < period {
			s.Pressure[c] = true
		} else {
			delete(s.LastMet, c)
		}
	}
}

func sum(a, b resource.Quantity) resource.Quantity {
	a.Add(b)
	return a
}
