// Package backend is the agent as the API sees it: it answers every request of agent/api from the last round's
// reconcile.Snapshot and from the fleet as it is seen now, and has the goroutine of the rounds do what changes
// something.
//
// A Backend has no state and no lock of its own. Snapshots are never changed once they are published, so that
// reading them waits for nobody and keeps no round waiting. What needs more than a Snapshot is asked of a Round
// within Config.Do, on the goroutine of the rounds.
package backend
