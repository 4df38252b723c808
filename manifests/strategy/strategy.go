// Package strategy reads how a DaemonSet wants to be updated: its update strategy and the annotations daemonsetd.io/*
// that belong to it. None of it is part of a revision, so that changing it restarts no pod.
//
// It is pure. Spec files are validated with Check; package agent/rollout works with what Parse gives.
package strategy

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The annotations of a DaemonSet that say how it is rolled out.
const (
	// AnnotationPaused holds every replacement while it is "true".
	AnnotationPaused = "daemonsetd.io/paused"
	// AnnotationPartition is how many members stay on what they run, the last of the order: a number or a percentage.
	AnnotationPartition = "daemonsetd.io/partition"
	// AnnotationCanary is a label selector. Nodes that match go first, and the others wait until they are available.
	AnnotationCanary = "daemonsetd.io/canary-selector"
	// AnnotationStrict makes a pod that is not available wait for its turn, too, while it is "true".
	AnnotationStrict = "daemonsetd.io/strict-budget"
	// AnnotationDeadline is how long a new pod may take to become available, a duration such as "10m".
	AnnotationDeadline = "daemonsetd.io/progress-deadline"
	// AnnotationMaxFailed is at how many hosts with a failed pod every host holds: a number or a percentage, at least 1.
	AnnotationMaxFailed = "daemonsetd.io/max-failed"
	// AnnotationSoak is for how long a pod has to be ready until the rollout takes it for available, where that is longer
	// than minReadySeconds; "0s" is Kubernetes' behaviour.
	AnnotationSoak = "daemonsetd.io/soak"
	// AnnotationAutoRollback takes a host whose new pod failed, and those that have it too, back while it is "true".
	AnnotationAutoRollback = "daemonsetd.io/auto-rollback"
	// AnnotationPrePull has the images of a new pod pulled before the old one stops, unless it is "false".
	AnnotationPrePull = "daemonsetd.io/pre-pull"
)

// Annotations are all of them.
func Annotations() []string {
	return []string{
		AnnotationAutoRollback, AnnotationCanary, AnnotationDeadline, AnnotationMaxFailed, AnnotationPartition,
		AnnotationPaused, AnnotationPrePull, AnnotationSoak, AnnotationStrict,
	}
}

// DefaultDeadline and minReadySeconds are the progress deadline without AnnotationDeadline. It is that of a Kubernetes
// Deployment, which refuses minReadySeconds that are as long; a DaemonSet may have them.
const DefaultDeadline = 10 * time.Minute

// DefaultSoak is the soak of a DaemonSet without AnnotationSoak that would take a pod for available as soon as its
// program runs: it has no minReadySeconds, and a container of it has neither a readiness nor a startup probe.
const DefaultSoak = 10 * time.Second

// Strategy is how one DaemonSet is updated.
type Strategy struct {
	// OnDelete: a pod is replaced when somebody asks for it on its host, and not before.
	OnDelete bool
	// Surge: the new pod starts beside the old one, and Budget is maxSurge instead of maxUnavailable.
	Surge bool
	// Budget is maxUnavailable or maxSurge; see Limit.
	Budget intstr.IntOrString
	// Paused, Strict and AutoRollback are the annotations of these names.
	Paused, Strict, AutoRollback bool
	// PrePull: the images of a new pod are pulled before the old one stops. It is never set with OnDelete or Surge: there
	// an operator wants it now, or the old pod stays anyway.
	PrePull bool
	// Partition is how many members stay on what they run; see Stay.
	Partition intstr.IntOrString
	// Canary selects the nodes that go first; nil: none.
	Canary labels.Selector
	// Soak is for how long a pod has to be ready until the rollout takes it for available, beside minReadySeconds.
	Soak time.Duration
	// Deadline is the progress deadline.
	Deadline time.Duration
	// MaxFailed is AnnotationMaxFailed; nil: as many as the budget.
	MaxFailed *intstr.IntOrString
}

// Limit is how many of so many members may be down at a time. Percentages round up, and it is never 0
// (updatedDesiredNodeCounts in Kubernetes' pkg/controller/daemon/update.go).
func (s Strategy) Limit(members int) int { return max(scaled(s.Budget, members), 1) }

// Stay is how many of so many members stay on what they run. Percentages round up.
func (s Strategy) Stay(members int) int { return max(scaled(s.Partition, members), 0) }

// Halt is at how many failed hosts of so many members every host holds; at least 1.
func (s Strategy) Halt(members int) int {
	if s.MaxFailed == nil {
		return s.Limit(members)
	}
	return max(scaled(*s.MaxFailed, members), 1)
}

// IsCanary says whether a node with these labels goes first.
func (s Strategy) IsCanary(node map[string]string) bool {
	return s.Canary != nil && s.Canary.Matches(labels.Set(node))
}

// scaled is v, or that many percent of total, rounded up. What Parse lets through has no error.
func scaled(v intstr.IntOrString, total int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(&v, total, true)
	if err != nil {
		return 0
	}
	return n
}

// budget gives the limit of the DaemonSet's rolling update, and whether it is one of surge. Absent fields have
// Kubernetes' defaults (SetDefaults_DaemonSet in pkg/apis/apps/v1/defaults.go), and with OnDelete nobody looks at them.
func budget(by *appsv1.DaemonSetUpdateStrategy) (limit intstr.IntOrString, surge bool) {
	u := by.RollingUpdate
	if u == nil || by.Type == appsv1.OnDeleteDaemonSetStrategyType {
		return intstr.FromInt32(1), false
	}
	if u.MaxSurge != nil && scaled(*u.MaxSurge, 100) > 0 {
		return *u.MaxSurge, true
	}
	if u.MaxUnavailable != nil {
		return *u.MaxUnavailable, false
	}
	return intstr.FromInt32(1), false
}
