// Package plan decides what to do with the static pod manifests of one host, now.
//
// It is pure: what is wanted, what stands in the kubelet's directory, what the kubelet says and what was done before go
// in, the next acts come out. It reads no clock, disk or network, so that `dsctl plan` and `dsctl diff` show exactly
// what the agent would do, and so that every rule can be tested as a table.
//
// The rules are those of podsShouldBeOnNode in Kubernetes' pkg/controller/daemon/daemon_controller.go, with the steps
// that static pods need in between: two pods of one DaemonSet never run at once, and a pod that runs is never stopped
// because of something that could not be read, parsed, validated or reached.
package plan

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// Wanted is one declared DaemonSet on this node.
type Wanted struct {
	// Key is namespace/name.
	Key string
	// Name is the DaemonSet's name, Namespace its namespace.
	Namespace, Name string
	// Source is the spec file.
	Source string
	// Manifest is the rendering for this node; only Revision is needed where Blocked is set.
	Manifest render.Manifest
	// Blocked says why the manifest may not be written (a name too long, a foreign pod of the same name); empty: it may.
	Blocked string
	// Decision is the controller's, before NoExecute timers.
	Decision placement.Decision
	// Evicted is set when the NoExecute timer has run out.
	Evicted bool
	// Hold says why an older revision may not be replaced now: whose turn it is, or what is waited for (package rollout);
	// empty: it may.
	Hold string
	// Older is the earlier revision that stands, or stood when the kubelet gave its pod up, as it can be written again;
	// nil: it cannot, or needs no care. It is looked after for as long as it may not be replaced.
	Older *render.Manifest
	// Pull has the images of Manifest pulled before an older pod stops; nil: nothing has to be, or can.
	Pull *Pull
	// Surge starts the new pod beside the old one, which goes when the new one is available.
	Surge bool
	// Soak is for how long the new pod has to be ready until the old one goes, where that is longer than it takes to
	// become available.
	Soak time.Duration
}

// Present is one of our manifests in the kubelet's directory.
type Present struct {
	FileName string
	// Key is the DaemonSet that it belongs to.
	Key                string
	Revision           string
	PodName            string
	Source             string
	GracePeriodSeconds int64
	// Intact is false when somebody has edited it.
	Intact bool
	// Renamed is set when the edit gave the pod another name: PodName is the one that the kubelet runs.
	Renamed bool
}

// Pod is what the kubelet says of one pod of ours.
type Pod struct {
	// Failed: rejected at admission, evicted or shut down; the kubelet never tries such a static pod again.
	Failed bool
	// Ready and Available are Kubernetes' (IsPodReady, IsPodAvailable with the DaemonSet's minReadySeconds).
	Ready, Available bool
	// AvailableAt is when a ready pod becomes available; zero unless that is still to come.
	AvailableAt time.Time
	// ReadySince is since when it is ready; zero: it is not, or it is not known.
	ReadySince time.Time
	// Message is one sentence on why it is not ready.
	Message string
}

// Kubelet is what is known from the kubelet. Pods are keyed by namespace/name as the kubelet knows them.
type Kubelet struct {
	// AssumeReady: it is never asked.
	AssumeReady bool
	// Healthy: its health endpoint says ok.
	Healthy bool
	// OtherNode is the name that the kubelet has for its node, where that is not this host's: then it is not Healthy
	// either, as nothing that it answers is about this host for certain. Empty: it has this host's, or none is known.
	OtherNode string
	// NameUnknown: no answer has shown that the kubelet has this host's name for its node. What is not listed under a name
	// that was made of it may be there all the same.
	NameUnknown bool
	// Absent are the pods of manifests that the kubelet does not run for certain: it has not listed them for some time, in
	// one answer after the other, and is known by name.
	Absent map[string]bool
	// Missed: it is healthy, but has not answered the last question about that. Nothing is replaced until it has.
	Missed bool
	// PodsAt and RunningAt are when the two lists were asked for; zero: never answered.
	PodsAt, RunningAt time.Time
	// RunningUnknown: the kubelet is healthy but does not tell its running pods (not authorised, another version). Running
	// is then what it said last, and counts for no longer than a pod may take to stop.
	RunningUnknown bool
	// Gone says of a pod, by its full name, that it has stopped for certain after its manifest went at the given time.
	Gone func(fullName string, removed time.Time) bool
	// PodsUnknown is the same of its list of pods. Pods is then what it said last, by which nothing is done.
	PodsUnknown bool
	Pods        map[string]Pod
	Running     map[string]bool
	// Pulls are the pods that pull images, which are none of Pods.
	Pulls map[string]PullPod
}

// Memory is what must be remembered of one DaemonSet between two plans. It is written to disk before the acts of a plan
// are done, so that an agent killed at any point goes on where it was.
type Memory struct {
	// Leaving are the pods whose manifest was unlinked and that may still be running.
	Leaving []Leaving `json:"leaving,omitempty"`
	// Retry is the back-off of pods that the kubelet reports as Failed.
	Retry Retry `json:"retry,omitzero"`
	// Again is the earlier revision whose manifest was removed to have the kubelet try its pod once more, and that comes
	// back.
	Again string `json:"again,omitempty"`
	// Pulled is how far the images of the wanted revision are pulled, before the old pod stops.
	Pulled Pulled `json:"pulled,omitzero"`
	// Eviction is the NoExecute timer.
	Eviction placement.Eviction `json:"eviction,omitzero"`
	// Stood are the pods whose manifests stood in the last plan. One that is gone without an act of ours was removed by
	// somebody else, and its pod is leaving.
	Stood []Leaving `json:"-"`
	// WrittenAt is when this process last wrote a manifest of the DaemonSet; older answers of the kubelet do not speak of
	// it.
	WrittenAt time.Time `json:"-"`
}

// Leaving is one pod on its way out.
type Leaving struct {
	// PodName is the name in the manifest, without the node's.
	PodName   string    `json:"podName"`
	RemovedAt time.Time `json:"removedAt"`
	// GraceSeconds is its terminationGracePeriodSeconds.
	GraceSeconds int64 `json:"graceSeconds"`
	// Hold is the earliest time for writing the same manifest again; zero: as soon as the pod is gone.
	Hold time.Time `json:"hold,omitzero"`
}

// Retry is the state of the back-off, flowcontrol.NewBackOff(1s, 15m) of the real controller.
type Retry struct {
	Revision string        `json:"revision,omitempty"`
	Delay    time.Duration `json:"delay,omitempty"`
	Last     time.Time     `json:"last,omitzero"`
	// Message is why the kubelet refused the pod, for people.
	Message string `json:"message,omitempty"`
}

// Input is everything that a plan depends on.
type Input struct {
	Now time.Time
	// Node is the node's name in lower case, as the kubelet appends it to pod names.
	Node    string
	Wanted  []Wanted
	Present []Present
	// Pulls are our manifests whose pods only pull images.
	Pulls    []Present
	Kubelet  Kubelet
	Memories map[string]Memory
	// Copies says, by DaemonSet, which file that is not ours has a pod of it: its mark is in the file. No pod of ours is
	// started beside it, and none is said to be gone.
	Copies map[string]string
	// Undecided says of a spec file that it is not known what it declares now: what came from it is neither removed nor
	// replaced.
	Undecided func(file string) bool
}

// Kind is what an Act does.
type Kind string

const (
	// Write puts a manifest into the directory.
	Write Kind = "write"
	// Restore writes a manifest over its own hand-edited copy.
	Restore Kind = "restore"
	// Remove unlinks a manifest.
	Remove Kind = "remove"
	// PullImages writes the manifest of a pod that pulls images.
	PullImages Kind = "pull"
	// EndPull unlinks it.
	EndPull Kind = "end-pull"
)

// Reasons of acts. Those that Kubernetes has events for are spelt as there.
const (
	ReasonCreate       = "SuccessfulCreate"
	ReasonRestored     = "ManifestRestored"
	ReasonReplacing    = "Replacing"
	ReasonSuperseded   = "Superseded"
	ReasonSurge        = "Surge"
	ReasonNotQualified = "NotQualified"
	ReasonEviction     = "TaintEviction"
	ReasonDeleted      = "Deleted"
	ReasonFailed       = "FailedDaemonPod"
	ReasonPulling      = "PrePulling"
	ReasonPulled       = "PrePulled"
)

// Act is one change of the kubelet's directory.
type Act struct {
	Kind Kind
	Key  string
	// FileName is the manifest's base name.
	FileName string
	PodName  string
	Revision string
	// Manifest is what to write; nil for Remove.
	Manifest *render.Manifest
	// Next is what follows a Remove once the pod has stopped: its bytes have to be on the disk before. nil: nothing does.
	Next *render.Manifest
	// Reason is a CamelCase word, Message the sentence.
	Reason, Message string
}

// Phase is where a DaemonSet stands on this node.
type Phase string

const (
	// PhaseAvailable: the pod has been ready for minReadySeconds.
	PhaseAvailable Phase = "Available"
	// PhaseStarting: the manifest stands, the pod is not available yet.
	PhaseStarting Phase = "Starting"
	// PhaseUpdating: the old pod is stopping so that the new one can start.
	PhaseUpdating Phase = "Updating"
	// PhaseRemoving: the pod is stopping and none follows.
	PhaseRemoving Phase = "Removing"
	// PhaseNotPlaced: the node does not qualify, no pod is here.
	PhaseNotPlaced Phase = "NotPlaced"
	// PhaseMisscheduled: the node does not qualify for a new pod, the running one stays.
	PhaseMisscheduled Phase = "Misscheduled"
	// PhaseWaiting: an older revision stays until something has happened: the kubelet answers, it is this host's turn, or
	// (OnDelete) somebody asks for the replacement.
	PhaseWaiting Phase = "Waiting"
	// PhaseBlocked: somebody has to do something first; what runs stays.
	PhaseBlocked Phase = "Blocked"
	// PhaseRefused: the kubelet refused the pod; it is tried again after a back-off.
	PhaseRefused Phase = "Refused"
	// PhaseUnknown: the manifest stands and the kubelet cannot be asked about the pod.
	PhaseUnknown Phase = "Unknown"
)

// Status is what is said of one DaemonSet.
type Status struct {
	Key     string
	Phase   Phase
	Message string
	// Revision is the wanted one, Current the one whose manifest stands after the acts; empty where there is none.
	Revision, Current string
	FileName, PodName string
	// Until is when the plan should be made again at the latest; zero: when something changes.
	Until time.Time
}

// Output is a plan.
type Output struct {
	// Acts in the order in which they are to be done: removals first.
	Acts []Act
	// Statuses, sorted by key, one for each DaemonSet that is declared, present or leaving.
	Statuses []Status
	// Memories replaces the input's; keys without anything to remember are gone.
	Memories map[string]Memory
	// Again is when to plan again at the latest; zero: when something changes.
	Again time.Time
	// Hurry: the kubelet's next answer is waited for.
	Hurry bool
}

// Make plans. The input is not changed.
func Make(in Input) Output {
	in.Wanted = apart(in.Wanted, in.Present)
	wanted := make(map[string]*Wanted, len(in.Wanted))
	for i := range in.Wanted {
		wanted[in.Wanted[i].Key] = &in.Wanted[i]
	}
	present, pulls := byKey(in.Present), byKey(in.Pulls)
	keys := map[string]bool{}
	for k := range wanted {
		keys[k] = true
	}
	for k := range present {
		keys[k] = true
	}
	for k := range pulls {
		keys[k] = true
	}
	for k := range in.Memories {
		keys[k] = true
	}
	for k := range in.Copies {
		keys[k] = true
	}
	out := Output{Memories: map[string]Memory{}}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		p := planner{
			in: &in, key: key, wanted: wanted[key], present: present[key], pulls: pulls[key], memory: in.Memories[key],
		}
		p.run()
		p.endPulls()
		out.add(p)
	}
	slices.SortStableFunc(out.Acts, func(a, b Act) int { return cmp.Compare(order(a.Kind), order(b.Kind)) })
	return out
}

func byKey(manifests []Present) map[string][]Present {
	out := map[string][]Present{}
	for _, p := range manifests {
		out[p.Key] = append(out[p.Key], p)
	}
	return out
}

// order puts removals first: what leaves makes room (a port, a name) for what comes.
func order(k Kind) int {
	if k == Remove || k == EndPull {
		return 0
	}
	return 1
}

func (o *Output) add(p planner) {
	o.Acts = append(o.Acts, p.acts...)
	if p.status.Phase != "" {
		p.status.Key = p.key
		o.Statuses = append(o.Statuses, p.status)
	}
	if u := p.status.Until; !u.IsZero() && (o.Again.IsZero() || u.Before(o.Again)) {
		o.Again = u
	}
	o.Hurry = o.Hurry || p.hurry
	m := p.memory
	if p.wanted == nil && len(p.present) == 0 && len(m.Leaving) == 0 {
		return
	}
	if len(m.Leaving) > 0 || m.Retry != (Retry{}) || m.Again != "" || m.Eviction != (placement.Eviction{}) ||
		m.Pulled != (Pulled{}) || !m.WrittenAt.IsZero() || len(m.Stood) > 0 {
		o.Memories[p.key] = m
	}
}
