// Package kubelet is the typed client of the kubelet of this host.
//
// [Discovery] finds out from the kubelet's own configuration file where it reads static pods, where it answers, and how
// it is told apart from an impostor. [Client] asks it, with a limit on the time and on the size of every answer.
// [Poller] keeps the latest answers in an immutable [Snapshot] and wakes the agent when something in them changed that
// matters.
//
// The kubelet is the only authority on what runs. What it says is never a reason to stop a pod: an answer that is
// missing, cut or malformed is an [Error] that says what was asked, what came back and what to set, and everything
// stays as it is.
package kubelet
