// Package placement decides whether a node runs the pod of a DaemonSet, as the DaemonSet controller of Kubernetes 1.37
// would (NodeShouldRunDaemonPod in pkg/controller/daemon/daemon_controller.go), and says why.
//
// It also keeps the timer of the taint eviction controller (pkg/controller/tainteviction/taint_eviction.go), which
// takes away pods whose toleration of a NoExecute taint is limited in time.
//
// The package is pure: the same arguments give the same result. It knows no clock, disk, network or global state, and
// writes no log. The matching of labels, fields and taints is done by the libraries of Kubernetes; this package decides
// in which order they are asked and puts their answers into words.
package placement
