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

// Facts is a node section decoded. It is shared: nobody may change it.
type Facts struct {
	Extras
	// Node is what the host tells of itself. Its name is not for the section to say: it is empty, or in a Member the one that
	// the member went by.
	Node *corev1.Node
	// LeftOut is how much the host did not tell.
	LeftOut Counts
	// UnknownKeys is how many things it told that this version does not understand; they were skipped.
	UnknownKeys int
}
