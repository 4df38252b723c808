// Package reconcile is one round of the agent's loop: it reads everything, has the pure packages decide, does what
// came out, and publishes what it saw.
//
//	refresh ─► read ─► lay the files of volumes ─► roll (save, then decide) ─► plan ─► act ─► read, roll ─► publish
//	           Items                               Turn, Hold, Want, Older             └ nothing was done ──┘
//
// A Reconciler, what it remembers, and the Snapshot that it is filling belong to the goroutine of the agent's loop. A
// Snapshot that was published is never changed again, nor anything that it points to, so that whoever has one (Latest)
// reads it from any goroutine without a lock.
package reconcile

import (
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/outage"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/agent/rollout/driver"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// Snapshot is one round: what it read, and what came of it. All that is needed for a test can be made by hand: fields
// that are not looked at may be left out.
type Snapshot struct {
	// Host is the node's name, as the kubelet appends it to the names of static pods.
	Host string
	// Now is when the round read what follows.
	Now time.Time
	// Specs is what the specs directory declares; the same pointer as in the last round where nothing of it has changed.
	// So is Node.
	Specs *spec.Snapshot
	Node  *corev1.Node
	// Kubelet is what the kubelet has answered, Answers the same as it is planned from.
	Kubelet *kubelet.Snapshot
	Answers plan.Kubelet
	// Dir is the path of the kubelet's directory.
	Dir string
	// Listing is the kubelet's directory, and ScanErr why it could not be read.
	Listing manifestdir.Listing
	ScanErr error
	// Present are all our manifests in it, also those of DaemonSets that are not declared any more.
	Present []plan.Present
	// Pulls are those of ours whose pods only pull images.
	Pulls []plan.Present
	// Memories is what was remembered, by DaemonSet, declared or not.
	Memories map[string]plan.Memory
	// Items are the declared DaemonSets, in the order of Specs.DaemonSets.
	Items []*Item

	// Down are the DaemonSets that should run here and are not available, by key.
	Down []outage.Down
	// left says, by DaemonSet, why its pod was not taken down though it was planned: what has to be remembered could not
	// be saved, for one.
	left map[string]string

	// What follows is filled when the round is over.

	// Statuses are sorted by key, one for each DaemonSet that is declared, present or leaving.
	Statuses []plan.Status
	// Health is what somebody has to look at, the worst first.
	Health []api.HealthItem
	// Origins says where everything in Node comes from.
	Origins node.Description
	// Config is the findings in the agent's configuration, Settings the kubelet's settings.
	Config   diag.List
	Settings kubelet.Settings
	// Others are the other members with what they tell of their DaemonSets.
	Others driver.Peers
	// Counts are those over the fleet, by DaemonSet; nil while gossip is off.
	Counts map[string]rollout.Counts
	// Generations are the latest of each rollout that any member has, by DaemonSet; none while there was no rollout.
	Generations map[string]uint64
	// Declared is since when each DaemonSet is declared, also across restarts.
	Declared map[string]time.Time
	// Line is one line on how everything stands, for the service manager.
	Line string
}

// Input is what is planned from.
func (s *Snapshot) Input() plan.Input {
	in := plan.Input{
		Now: s.Now, Node: s.Host, Wanted: make([]plan.Wanted, 0, len(s.Items)), Present: s.Present, Pulls: s.Pulls,
		Kubelet: s.Answers, Memories: maps.Clone(s.Memories), Undecided: s.Specs.Undecided, Copies: map[string]string{},
	}
	for _, f := range s.Listing.Copies() {
		in.Copies[f.DaemonSet] = copied(f)
	}
	if in.Memories == nil {
		in.Memories = map[string]plan.Memory{}
	}
	for _, it := range s.Items {
		w := it.Wanted()
		w.Pull = s.pull(it)
		in.Wanted = append(in.Wanted, w)
		in.Memories[it.Key] = it.Memory
	}
	return in
}

// Item is the DaemonSet with a key; nil: none is declared.
func (s *Snapshot) Item(key string) *Item {
	for _, it := range s.Items {
		if it.Key == key {
			return it
		}
	}
	return nil
}

// Answer is what the kubelet has answered of a pod of the DaemonSet with a key, by its manifest's name; the zero value
// if it does not list it.
func (s *Snapshot) Answer(key, podName string) plan.Pod {
	return s.Answers.Pods[fullName(key, podName, s.Host)]
}

// Soak is since when a pod of the DaemonSet, by its manifest's name, is ready, and when the rollout takes it for
// available; zero: it is not available for Kubernetes, or for the rollout, too.
func (s *Snapshot) Soak(it *Item, podName string) (since, until time.Time) {
	pod := s.Answer(it.Key, podName)
	end := pod.ReadySince.Add(it.Strategy.Soak)
	if !pod.Available || pod.ReadySince.IsZero() || !end.After(s.Now) {
		return time.Time{}, time.Time{}
	}
	return pod.ReadySince, end
}

// Status is what is said of the DaemonSet with a key, declared or not.
func (s *Snapshot) Status(key string) (st plan.Status, ok bool) {
	for _, st := range s.Statuses {
		if st.Key == key {
			return st, true
		}
	}
	return plan.Status{}, false
}

// Key is namespace/name of what an operator wrote: a name alone is that of the DaemonSet in the namespace default, or
// else of the only one of that name. Nothing has to be declared with what comes out.
func (s *Snapshot) Key(name string) string {
	if name == "" || strings.Contains(name, "/") {
		return name
	}
	fallback := "default/" + name
	found, others := fallback, 0
	for _, it := range s.Items {
		if it.Key == fallback {
			return it.Key
		}
		if it.DS.Object.Name == name {
			found = it.Key
			others++
		}
	}
	if others > 1 {
		return fallback
	}
	return found
}

// Pending are the paths of the spec and node files that are being written or have just vanished.
func (s *Snapshot) Pending() []string {
	var paths []string
	for _, f := range s.Specs.Files {
		if f.Pending {
			paths = append(paths, f.File)
		}
	}
	for _, f := range s.Origins.Files {
		if f.Status == node.FileChanging {
			paths = append(paths, f.Path)
		}
	}
	return paths
}
