package node

import "time"

// Limits on what comes from outside.
const (
	maxFiles           = 100       // node files
	maxFileBytes       = 1 << 20   // of one node file
	maxLabels          = 512       // of a node
	maxAnnotationBytes = 256 << 10 // keys and values of a node (apimachinery pkg/api/validation/objectmeta.go)
	maxTaints          = 256       // declared in files; the same number again at runtime

	maxDropIns      = 64       // files in conditions.d
	maxDropInBytes  = 64 << 10 // of one of them
	maxReason       = 128      // characters of a condition's reason
	maxMessage      = 1024     // bytes of a condition's message
	maxDirEntries   = 4096     // looked at in node.d or conditions.d
	maxHostAddress  = 16       // addresses shown
	maxOSReleaseLen = 64 << 10
)

// Times.
const (
	// SampleInterval is how often pressure is evaluated: the kubelet's monitoringInterval (pkg/kubelet/kubelet.go).
	SampleInterval = 10 * time.Second
	// maxUnsettled is how long a drop-in that never comes to rest is waited for.
	maxUnsettled = 5 * time.Second
	// retryInterval is when something that failed for a reason outside, such as a full disk, is tried again.
	retryInterval = 10 * time.Second
	// rewatchInterval is when directories that could not be watched are tried again.
	rewatchInterval = 15 * time.Second
)
