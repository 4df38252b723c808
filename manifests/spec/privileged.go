package spec

import "k8s.io/kubernetes/pkg/capabilities"

// allowPrivileged lets validation accept privileged containers, as every API server and kubelet that runs DaemonSets
// has it set. Upstream keeps the setting for the whole process and takes the first call only; this package is the only
// one that imports it, so nothing else can have set it otherwise.
func allowPrivileged() { capabilities.Setup(true, 0) }
