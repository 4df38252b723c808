// Package rollout decides when a host may replace the pod of a DaemonSet, with no leader, no lock server and no clock
// that hosts would have to agree on.
//
// Every host has one State for every DaemonSet that it declares, and tells it to the others. MayStart is the rule by
// which a host may take its pod down, from nothing but its own state and what it has heard of the others, however old
// that is. Next is the state machine: from the state and what was observed to the next state, and whether the old pod
// may go. Whatever is lost, late, replayed, reordered, partitioned or restarted, the rollout never has more than the
// budget's number of pods down; docs/rollout.md has the rule in plain words, the proof and what it needs.
//
// What the caller owes, in this order: write the State of Next to disk and wait for it to be there (State.Promises says
// when it must be), then tell it, then act on it. States are kept on disk for ever, also when the DaemonSet is declared
// no longer: a ticket that was told is a promise.
//
// The package is pure: it reads no clock, disk, network or chance. Moments are arguments.
package rollout
