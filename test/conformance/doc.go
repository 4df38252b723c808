// Package conformance holds this project's placement, validation, defaulting and use of ConfigMaps and Secrets against
// the code of Kubernetes itself.
// It is a module of its own, so that the DaemonSet controller and what it needs stay out of the agent's dependencies.
//
// With the build tag parity, what is accepted is held against a real API server, too: `make parity` starts one, without
// anything stored, and asks it about every generated file and those of test/realworld.
//
// The tests print how much they compared and with which seed. CONFORMANCE_SEED repeats a run, CONFORMANCE_PAIRS sets
// the number of (DaemonSet, node) pairs, CONFORMANCE_STORIES that of evictions, CONFORMANCE_FILES that of files with
// several edits, CONFORMANCE_CONTAINERS that of environments and CONFORMANCE_VOLUMES that of volumes.
package conformance
