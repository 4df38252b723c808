// Package parity runs the same DaemonSets, with the same ConfigMaps and Secrets, once under a real control plane and
// once under daemonsetd, each with a real kubelet and containerd, and compares what every container sees: its
// environment, its arguments and the whole tree of every config volume. What may differ stands in one table, with the
// reason; an entry of the table that no container needs fails the tests too.
//
// The tests have the build tag parity, need root, and run with `make parity`.
package parity
