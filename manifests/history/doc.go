// Package history keeps the revisions of every DaemonSet of this host on disk, so that a host can go back to one, lay
// the files of a pod that is still of one, and tell an operator what was rolled out when and why.
//
// A revision is what hosts with the same files share: the pod template as it was written and the digests of what is
// inlined into its environment, without what comes from the node (assemble.Assembly.Fleet). Of it the template is kept,
// and never a value of a ConfigMap or a Secret: Restore gives the DaemonSet as it would be with the template, and what
// it refers to is taken from the objects of the day.
//
// Revisions are numbered by the generation of the rollout (package agent/rollout) under which they were last the
// target, so that a number means the same on every host that follows the fleet. As in Kubernetes, going back to an old
// template gives it a new number, and its old one is gone (constructHistory in pkg/controller/daemon/update.go).
package history

import (
	"errors"
	"time"
)

// ErrNotFound says that there is no such revision.
var ErrNotFound = errors.New("the revision is not in the history")

const (
	// MaxFileBytes is the largest file that is read or written. A template is at most as large as a spec file, but for
	// what its YAML says once and uses several times.
	MaxFileBytes = 16 << 20
	// MaxRevisions is how many revisions of one DaemonSet are kept at most, whatever its revisionHistoryLimit.
	MaxRevisions = 1000
	// MaxChangeCause is how many bytes of a change-cause are kept.
	MaxChangeCause = 4 << 10

	// maxEntries bounds what is read of a directory.
	maxEntries = 8 * MaxRevisions
)

// AnnotationChangeCause is the annotation of a DaemonSet that says why its template was changed. kubectl shows it in
// the history of a rollout.
const AnnotationChangeCause = "kubernetes.io/change-cause"

// Revision is one revision of one DaemonSet.
type Revision struct {
	// Fleet names it, as assemble.Assembly.Fleet.
	Fleet string
	// Number is the generation under which it was last the target.
	Number uint64
	// ChangeCause is that annotation of the DaemonSet when it was last the target; empty: there was none.
	ChangeCause string
	// First and Last are when it became the target here for the first and the last time.
	First, Last time.Time
	// Source is the spec file from which it last came.
	Source string
	// Annotations are those of the DaemonSet that the pod depends on beside its template.
	Annotations map[string]string
	// Template is the pod template as the user wrote it (spec.DaemonSet.Template). List leaves it out.
	Template []byte
}
