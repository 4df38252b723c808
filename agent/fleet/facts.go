package fleet

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Extras is what a host tells beside its v1 Node.
type Extras struct {
	// AgentVersion is the version of daemonsetd.
	AgentVersion string
	// Kubelet is one word on the local kubelet, one of those that agent/api has for its status: Answering, Unreachable,
	// Unauthorized, WrongVersion, Unhealthy, AssumedReady, NotAskedYet. A later version may have others.
	Kubelet string
	// Specs is the digest of the whole specs directory (DigestOfFiles); zero when it could not be read.
	Specs Digest
	// Started is when the agent started; zero when it is not told.
	Started time.Time
}

// Facts is what a node section says beside the v1 Node.
type Facts struct {
	Extras
	// Ready is the status of the node's condition Ready; empty when it has none.
	Ready corev1.ConditionStatus
	// LeftOut is how much the host did not tell.
	LeftOut Counts
	// UnknownKeys is how many things it told that this version does not understand; they were skipped.
	UnknownKeys int
}
